# Every image: lab x {cpu, cuda, arm64}, on layers that the labs share.
#
#     base <- framework <- models <- requirements-LAYER <- lab-NN
#                                                       <- grader (cpu)
#             framework (cuda) <- vllm, unsloth
#
# Layers are chained by tag (PARENT), so that plain `docker build` makes them too; images/build.py builds them in order.

variable "VERSION" {
  default = "0.1.0"
}
variable "REVISION" {
  default = ""
}
variable "SOURCE" {
  default = ""
}
variable "BASE_IMAGE" {
  default = "python:3.11.14-slim-bookworm"
}
variable "VARIANTS" {
  default = [
    { name = "cpu", platform = "linux/amd64", torch = "https://download.pytorch.org/whl/cpu", lock = "framework" },
    { name = "cuda", platform = "linux/amd64", torch = "https://download.pytorch.org/whl/cu130", lock = "framework-cuda" },
    { name = "arm64", platform = "linux/arm64", torch = "https://download.pytorch.org/whl/cpu", lock = "framework" },
  ]
}
variable "LAYERS" {
  default = ["lab"]
}
# One line for each lab that is built, as its lab.toml has it, and a group below.
variable "LABS" {
  default = [
    { id = "lab-02-transformer", lesson = "02", layer = "lab", title = "Inside the Transformer" },
    { id = "lab-04-pretraining", lesson = "04", layer = "lab", title = "Pretraining: data, tokenizer, training" },
    { id = "lab-05-lora", lesson = "05", layer = "lab", title = "Instruction fine-tuning with LoRA" },
  ]
}

group "default" {
  targets = ["cpu"]
}
group "all" {
  targets = ["cpu", "cuda", "arm64"]
}
group "cpu" {
  targets = concat([for lab in LABS : "lab-${lab.lesson}-cpu"], ["grader"])
}
group "cuda" {
  targets = concat([for lab in LABS : "lab-${lab.lesson}-cuda"], ["vllm", "unsloth"])
}
group "arm64" {
  targets = [for lab in LABS : "lab-${lab.lesson}-arm64"]
}
group "lab-02" {
  targets = ["lab-02-cpu", "lab-02-cuda", "lab-02-arm64"]
}
group "lab-04" {
  targets = ["lab-04-cpu", "lab-04-cuda", "lab-04-arm64"]
}
group "lab-05" {
  targets = ["lab-05-cpu", "lab-05-cuda", "lab-05-arm64"]
}

target "_common" {
  context = "."
  labels = {
    "org.opencontainers.image.version"  = VERSION
    "org.opencontainers.image.revision" = REVISION
    "org.opencontainers.image.source"   = SOURCE
    "org.opencontainers.image.licenses" = "Apache-2.0"
    "org.opencontainers.image.vendor"   = "LLM101 Labs"
  }
}

target "base" {
  name       = "base-${variant.name}"
  matrix     = { variant = VARIANTS }
  inherits   = ["_common"]
  dockerfile = "images/base/Dockerfile"
  platforms  = [variant.platform]
  tags       = ["llm101/base:${variant.name}"]
  args = {
    BASE_IMAGE = BASE_IMAGE
  }
}

target "framework" {
  name       = "framework-${variant.name}"
  matrix     = { variant = VARIANTS }
  inherits   = ["_common"]
  dockerfile = "images/framework/Dockerfile"
  platforms  = [variant.platform]
  tags       = ["llm101/framework:${variant.name}"]
  args = {
    PARENT          = "llm101/base:${variant.name}"
    VARIANT         = variant.name
    LOCK            = variant.lock
    TORCH_INDEX_URL = variant.torch
  }
}

target "models" {
  name       = "models-${variant.name}"
  matrix     = { variant = VARIANTS }
  inherits   = ["_common"]
  dockerfile = "images/models/Dockerfile"
  platforms  = [variant.platform]
  tags       = ["llm101/models:${variant.name}"]
  args = {
    PARENT = "llm101/framework:${variant.name}"
  }
}

target "requirements" {
  name       = "requirements-${layer}-${variant.name}"
  matrix     = { layer = LAYERS, variant = VARIANTS }
  inherits   = ["_common"]
  dockerfile = "images/requirements/Dockerfile"
  platforms  = [variant.platform]
  tags       = ["llm101/requirements-${layer}:${variant.name}"]
  args = {
    PARENT = "llm101/models:${variant.name}"
    LAYER  = layer
  }
}

target "lab" {
  name       = "lab-${lab.lesson}-${variant.name}"
  matrix     = { lab = LABS, variant = VARIANTS }
  inherits   = ["_common"]
  dockerfile = "images/lab/Dockerfile"
  platforms  = [variant.platform]
  tags       = ["llm101/lab-${lab.lesson}:${variant.name}"]
  labels = {
    "org.opencontainers.image.title" = "LLM101 lab ${lab.lesson}: ${lab.title}"
    "org.llm101.lesson"              = lab.lesson
    "org.llm101.lab"                 = lab.id
  }
  args = {
    PARENT = "llm101/requirements-${lab.layer}:${variant.name}"
    LAB    = lab.id
    LESSON = lab.lesson
  }
}

target "grader" {
  inherits   = ["_common"]
  dockerfile = "images/grader/Dockerfile"
  platforms  = ["linux/amd64"]
  tags       = ["llm101/grader:cpu"]
  labels = {
    "org.opencontainers.image.title" = "LLM101 grader"
  }
  args = {
    PARENT = "llm101/requirements-lab:cpu"
  }
}

target "cuda-only" {
  name       = image
  matrix     = { image = ["vllm", "unsloth"] }
  inherits   = ["_common"]
  dockerfile = "images/${image}/Dockerfile"
  platforms  = ["linux/amd64"]
  tags       = ["llm101/${image}:cuda"]
  labels = {
    "org.opencontainers.image.title" = "LLM101 ${image}"
  }
  args = {
    PARENT = "llm101/framework:cuda"
  }
}
