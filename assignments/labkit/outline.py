"""The lessons of the course. They keep the numbers of its outline, which has no 06 and 07."""

from dataclasses import dataclass

from labkit.i18n import Bilingual


@dataclass(frozen=True)
class Lesson:
    """One lesson: its number as in the outline ("05") and its title."""

    number: str
    title: Bilingual


LESSONS = (
    Lesson("00", Bilingual("Environment", "环境准备")),
    Lesson("01", Bilingual("Panorama of large language models", "大模型全景")),
    Lesson("02", Bilingual("Transformer internals", "Transformer 内部原理")),
    Lesson("03", Bilingual("Prompting and running models", "提示工程与模型运行")),
    Lesson("04", Bilingual("Pretraining", "预训练")),
    Lesson("05", Bilingual("Fine-tuning", "微调")),
    Lesson("08", Bilingual("Alignment and RLHF", "对齐与 RLHF")),
    Lesson("09", Bilingual("Evaluation", "评测")),
    Lesson("10", Bilingual("Deployment and serving", "部署与推理服务")),
    Lesson("11", Bilingual("Retrieval-augmented generation", "检索增强生成（RAG）")),
    Lesson("12", Bilingual("Agents", "智能体")),
    Lesson("13", Bilingual("Multimodal models", "多模态模型")),
)


def find(number: str) -> Lesson | None:
    """The lesson with that number ("05" or "5"), or None when the outline has none."""
    return next((lesson for lesson in LESSONS if lesson.number == number.zfill(2)), None)
