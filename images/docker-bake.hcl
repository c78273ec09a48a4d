# Every image: lab x {cpu, cuda, arm64}, on layers that the labs share.
#
#     base <- framework <- models <- requirements-LAYER <- lab-NN
#                                                       <- grader (cpu)
#             framework (cuda) <- vllm, unsloth
#
# No lab is named here. images/build.py makes LABS, LAYERS and GRADED from the released lab.toml files, hands them to bake
# as a second file, and builds in order: layers are chained by tag (PARENT), so that plain `docker build` makes them too.

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
    # PyPI's own build, the one that framework-cuda.txt was made for.
    { name = "cuda", platform = "linux/amd64", torch = "", lock = "framework-cuda" },
    { name = "arm64", platform = "linux/arm64", torch = "https://download.pytorch.org/whl/cpu", lock = "framework" },
  ]
}
# { name, parent, variant, platform }: the requirement layers of the labs, in each variant that they are locked for.
variable "LAYERS" {
  default = []
}
# { id, lesson, title, layer, variant, platform }
variable "LABS" {
  default = []
}
# Layers that labs have of their own on top of the common one: the grader has them all.
variable "GRADED" {
  default = ""
}

group "default" {
  targets = ["cpu"]
}
group "all" {
  targets = ["cpu", "cuda", "arm64"]
}
group "cpu" {
  targets = concat([for lab in LABS : "lab-${lab.lesson}-cpu" if lab.variant == "cpu"], ["grader"])
}
group "cuda" {
  targets = concat([for lab in LABS : "lab-${lab.lesson}-cuda" if lab.variant == "cuda"], ["vllm", "unsloth"])
}
group "arm64" {
  # A group needs a member where no lab is released, too.
  targets = concat([for lab in LABS : "lab-${lab.lesson}-arm64" if lab.variant == "arm64"], ["models-arm64"])
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
  name       = "requirements-${layer.name}-${layer.variant}"
  matrix     = { layer = LAYERS }
  inherits   = ["_common"]
  dockerfile = "images/requirements/Dockerfile"
  platforms  = [layer.platform]
  tags       = ["llm101/requirements-${layer.name}:${layer.variant}"]
  args = {
    PARENT = "llm101/${layer.parent}:${layer.variant}"
    LAYER  = layer.name
  }
}

target "lab" {
  name       = "lab-${lab.lesson}-${lab.variant}"
  matrix     = { lab = LABS }
  inherits   = ["_common"]
  dockerfile = "images/lab/Dockerfile"
  platforms  = [lab.platform]
  tags       = ["llm101/lab-${lab.lesson}:${lab.variant}"]
  labels = {
    "org.opencontainers.image.title" = "LLM101 lab ${lab.lesson}: ${lab.title}"
    "org.llm101.lesson"              = lab.lesson
    "org.llm101.lab"                 = lab.id
  }
  args = {
    PARENT = "llm101/requirements-${lab.layer}:${lab.variant}"
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
    LAYERS = GRADED
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
