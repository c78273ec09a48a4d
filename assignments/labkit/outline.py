"""The lessons of the course. They keep the numbers of its outline, which has no 06 and 07."""

from dataclasses import dataclass

from labkit.i18n import Lang


@dataclass(frozen=True)
class Lesson:
    """One lesson: its number as in the outline ("05") and its title."""

    number: str
    en: str
    zh: str

    def title(self, lang: Lang) -> str:
        return self.zh if lang == "zh" else self.en


LESSONS = (
    Lesson("00", "Environment", "环境准备"),
    Lesson("01", "Panorama of large language models", "大模型全景"),
    Lesson("02", "Transformer internals", "Transformer 内部原理"),
    Lesson("03", "Prompting and running models", "提示工程与模型运行"),
    Lesson("04", "Pretraining", "预训练"),
    Lesson("05", "Fine-tuning", "微调"),
    Lesson("08", "Alignment and RLHF", "对齐与 RLHF"),
    Lesson("09", "Evaluation", "评测"),
    Lesson("10", "Deployment and serving", "部署与推理服务"),
    Lesson("11", "Retrieval-augmented generation", "检索增强生成（RAG）"),
    Lesson("12", "Agents", "智能体"),
    Lesson("13", "Multimodal models", "多模态模型"),
)


def find(number: str) -> Lesson | None:
    """The lesson with that number ("05" or "5"), or None when the outline has none."""
    return next((lesson for lesson in LESSONS if lesson.number == number.zfill(2)), None)
