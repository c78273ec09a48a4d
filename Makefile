# Every target is one line into a command: `lab` (student), `autograder` (teacher), or a developer's tool.
# The first call of a target sets up what it needs; see requirements/setup_env.py.
# Options for the command go into ARGS: make lab-NN ARGS="--lang zh --port 9000"
# A target's line of the menu stands after its ##, in English and in Chinese.
# Labs run in containers where a Docker engine answers: make lab-NN LAB_RUNTIME=venv, or VARIANT=cuda, chooses.

PYTHON := $(or $(wildcard .venv/bin/python),python3)
SETUP := @$(PYTHON) -I -S requirements/setup_env.py
BIN := .venv/bin
PARALLEL := -n logical --maxprocesses 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup status ps stop build proof prove images publish test test-slow test-as-user test-containers test-all
.PHONY: coverage bench lint docs format lock FORCE

##@ Student | 学生
lab-%: FORCE ## lab-NN: open a lab in JupyterLab | 在 JupyterLab 中打开实验
	$(SETUP) $* start
	@$(BIN)/lab start $* $(ARGS)

check-%: FORCE ## check-NN: run the public checks on your work | 对作业运行公开检查
	$(SETUP) $* start
	@$(BIN)/lab check $* $(ARGS)

submit-%: FORCE ## submit-NN: hand in, with a score and hints | 提交作业，得到分数和提示
	$(SETUP) $* start
	@$(BIN)/lab submit $* $(ARGS)

reset-%: FORCE ## reset-NN: move your work aside and begin anew | 把作业移到别处，重新开始
	$(SETUP) $* start
	@$(BIN)/lab reset $*

status: ## status: your labs and scores | 你的实验和得分
	$(SETUP) start
	@$(BIN)/lab status

ps: ## ps: the labs that run in containers, with their URLs | 在容器中运行的实验及其地址
	$(SETUP) start
	@$(BIN)/lab ps

stop: ## stop: stop them all; work is kept | 停止所有实验；作业会保留
	$(SETUP) start
	@$(BIN)/lab stop

logs-%: FORCE ## logs-NN: what a lab's JupyterLab has to say | 实验的 JupyterLab 的日志
	$(SETUP) $* start
	@$(BIN)/lab logs $*

setup: ## setup: install everything now | 现在就安装全部软件包
	$(SETUP) grader

##@ Teacher | 教师
grade-%: FORCE ## grade-NN SUBMISSION=path: grade one submission | 给一份提交评分
	@$(if $(SUBMISSION),,echo "Say what to grade: make grade-$* SUBMISSION=path/to/notebook.ipynb" >&2; exit 2)
	$(SETUP) grader sandbox
	@$(BIN)/autograder grade $* "$(SUBMISSION)" $(ARGS)

##@ Course author | 课程作者
new-%: FORCE ## new-NN NAME=evaluation: begin a lab, small and complete | 新建一个小而完整的实验
	@$(if $(NAME),,echo "Say what to call it: make new-$* NAME=evaluation" >&2; exit 2)
	$(SETUP) grader
	@$(BIN)/autograder new $* $(NAME)

build: ## build: generate the released notebooks from solutions/ | 由 solutions/ 生成发布的笔记本
	$(SETUP) grader
	@$(BIN)/autograder build $(ARGS)

validate-%: FORCE ## validate-NN: prove that the hidden suite separates right from wrong; what is proved is kept | 证明隐藏测试能区分对错；结果会保存
	$(SETUP) grader sandbox
	@$(BIN)/autograder validate $* $(ARGS)

mutate-%: FORCE ## mutate-NN: change one thing in the reference, 200 times: does the hidden suite notice? | 对参考解答做 200 次单处改动：隐藏测试能否发现
	$(SETUP) grader sandbox
	@$(BIN)/autograder mutate $* $(ARGS)

proof: ## proof [ARGS=--check]: how the proofs of all labs stand; with --check, try a sample of them again | 各实验证明的现状；加 --check 则抽样重新验证
	$(SETUP) grader sandbox
	@$(BIN)/autograder proof $(ARGS)

prove: ## prove: all proofs by the present code, then every test there is: before a release | 用现在的代码重做全部证明，再运行所有测试：发布前使用
	$(SETUP) grader sandbox
	@$(BIN)/autograder prove $(ARGS)
	@$(MAKE) test-all

images: ## images [VARIANT=cuda]: build the images of all labs | 构建所有实验的镜像
	@$(PYTHON) images/build.py $(if $(VARIANT),--variant $(VARIANT))

image-%: FORCE ## image-NN [VARIANT=cuda]: build the image of one lab | 构建一个实验的镜像
	@$(PYTHON) images/build.py $* $(if $(VARIANT),--variant $(VARIANT))

publish: ## publish REGISTRY=host: push the images that are here, and join amd64 and arm64 | 推送本机的镜像，并合并 amd64 与 arm64
	@$(if $(REGISTRY),,echo "Say where to: make publish REGISTRY=registry.example.edu" >&2; exit 2)
	@$(PYTHON) images/publish.py $(REGISTRY) $(ARGS)

##@ Developer | 开发者
test: ## test: the tests, but for the slow ones | 运行测试，慢的除外
	$(SETUP) dev sandbox
	@$(BIN)/python -m pytest $(PARALLEL) -m "not slow" --ignore=tests/containers $(ARGS)

test-slow: ## test-slow: the slow ones: attacks, real model, browser | 慢的测试：攻击、真实模型、浏览器
	$(SETUP) dev sandbox
	@$(BIN)/python -m pytest $(PARALLEL) -m slow --ignore=tests/containers $(ARGS)

test-as-user: ## test-as-user: is the sandbox as tight for an ordinary user, who has no cgroup? for root | 普通用户没有 cgroup，沙箱是否同样严密？由 root 运行
	$(SETUP) dev sandbox
	@$(BIN)/python tests/adversarial/run_as_user.py $(PARALLEL) \
	  -m "not slow$(if $(LLM101_TEST_ALL),, and (isolation or limits))" tests/adversarial tests/sandbox $(ARGS)

test-containers: ## test-containers: images built and run, the docker sandbox; needs an engine, or root on Debian | 构建并运行镜像，测试 docker 沙箱；需要容器引擎，或 Debian 上的 root
	$(SETUP) dev sandbox
	@$(BIN)/python -m pytest tests/containers $(ARGS)

test-all: ## test-all: every test there is, with every lab and notebook | 运行所有测试，涵盖每个实验和笔记本
	@$(MAKE) test
	@$(if $(filter 0,$(shell id -u)),LLM101_TEST_ALL=1 $(MAKE) test-as-user)
	@LLM101_TEST_ALL=1 $(MAKE) test-slow
	@LLM101_TEST_ALL=1 $(MAKE) test-containers

coverage: ## coverage: the fast tests, and how much of each package they run | 运行快的测试，统计每个包有多少代码被执行
	$(SETUP) dev sandbox
	@rm -f build/coverage*
	@$(BIN)/python -m pytest $(PARALLEL) -m "not slow" --ignore=tests/containers --cov --cov-report= $(ARGS)
	@$(BIN)/python tests/coverage_table.py

bench: ## bench: grading speed, against peers | 评分速度，与同类工具比较
	$(SETUP) dev sandbox
	@$(BIN)/python bench/grading.py $(ARGS)

lint: ## lint: ruff, format, types | ruff、格式、类型检查
	$(SETUP) dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

docs: ## docs: build the documentation site into build/site | 把文档网站构建到 build/site
	$(SETUP) docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict $(ARGS)

format: ## format: lay the code out | 整理代码格式
	$(SETUP) dev
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: ## lock: pin requirements/*.in to requirements/*.txt | 把 requirements/*.in 锁定为 requirements/*.txt
	$(SETUP) dev
	@$(BIN)/python requirements/lock.py

help: ## help: this menu | 这份菜单
	@if [ -t 1 ]; then b='\033[1m' c='\033[36m' o='\033[0m'; fi; \
	case "$${LLM101_LANG:-$${LC_ALL:-$${LC_MESSAGES:-$$LANG}}}" in zh*) lang=zh;; *) lang=en;; esac; \
	awk -v b="$$b" -v c="$$c" -v o="$$o" -v lang="$$lang" -F '## ' ' \
	  function said(both) {i = index(both, " | "); return lang == "zh" ? substr(both, i + 3) : substr(both, 1, i - 1)} \
	  /^##@ /{printf "\n%s%s%s\n", b, said(substr($$0, 5)), o} \
	  /^[a-z%-]+:.* ## /{n = index($$2, ": "); printf "  make %s%-26s%s %s\n", c, substr($$2, 1, n - 1), o, said(substr($$2, n + 2))} \
	  /^lesson = /{n = substr($$0, 11, 2)} \
	  $$0 ~ "^" lang " = "{printf "  make %slab-%-22s%s %s\n", c, n, o, substr($$0, 7, length - 7)}' \
	  Makefile $(sort $(wildcard assignments/en/lab-*/lab.toml))

##@ Labs | 实验
