# Every target is one line into a command: `lab` (student), `autograder` (teacher), or a developer's tool.
# The first call of a target sets up what it needs; see requirements/setup_env.py.
# Options for the command go into ARGS: make lab-NN ARGS="--lang zh --port 9000"
# Labs run in containers where a Docker engine answers: make lab-NN LAB_RUNTIME=venv, or VARIANT=cuda, chooses.

PYTHON := $(or $(wildcard .venv/bin/python),python3)
SETUP := @$(PYTHON) -I -S requirements/setup_env.py
BIN := .venv/bin
PARALLEL := -n logical --maxprocesses 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup status ps stop build proof prove images publish test test-slow test-as-user test-containers test-all
.PHONY: coverage bench lint docs format lock FORCE

##@ Student
lab-%: FORCE ## lab-NN: open a lab in JupyterLab
	$(SETUP) $* start
	@$(BIN)/lab start $* $(ARGS)

check-%: FORCE ## check-NN: run the public checks on your work
	$(SETUP) $* start
	@$(BIN)/lab check $* $(ARGS)

submit-%: FORCE ## submit-NN: hand in, with a score and hints
	$(SETUP) $* start
	@$(BIN)/lab submit $* $(ARGS)

reset-%: FORCE ## reset-NN: move your work aside and begin anew
	$(SETUP) $* start
	@$(BIN)/lab reset $*

status: ## status: your labs and scores
	$(SETUP) start
	@$(BIN)/lab status

ps: ## ps: the labs that run in containers, with their URLs
	$(SETUP) start
	@$(BIN)/lab ps

stop: ## stop: stop them all; work is kept
	$(SETUP) start
	@$(BIN)/lab stop

logs-%: FORCE ## logs-NN: what a lab's JupyterLab has to say
	$(SETUP) $* start
	@$(BIN)/lab logs $*

setup: ## setup: install everything now
	$(SETUP) grader

##@ Teacher
grade-%: FORCE ## grade-NN SUBMISSION=path: grade one submission
	@$(if $(SUBMISSION),,echo "Say what to grade: make grade-$* SUBMISSION=path/to/notebook.ipynb" >&2; exit 2)
	$(SETUP) grader sandbox
	@$(BIN)/autograder grade $* "$(SUBMISSION)" $(ARGS)

##@ Course author
new-%: FORCE ## new-NN NAME=evaluation: begin a lab, small and complete
	@$(if $(NAME),,echo "Say what to call it: make new-$* NAME=evaluation" >&2; exit 2)
	$(SETUP) grader
	@$(BIN)/autograder new $* $(NAME)

build: ## build: generate the released notebooks from solutions/
	$(SETUP) grader
	@$(BIN)/autograder build $(ARGS)

validate-%: FORCE ## validate-NN: prove that the hidden suite separates right from wrong; what is proved is kept
	$(SETUP) grader sandbox
	@$(BIN)/autograder validate $* $(ARGS)

mutate-%: FORCE ## mutate-NN: change one thing in the reference, 200 times: does the hidden suite notice?
	$(SETUP) grader sandbox
	@$(BIN)/autograder mutate $* $(ARGS)

proof: ## proof [ARGS=--check]: how the proofs of all labs stand; with --check, try a sample of them again
	$(SETUP) grader sandbox
	@$(BIN)/autograder proof $(ARGS)

prove: ## prove: all proofs by the present code, then every test there is: before a release
	$(SETUP) grader sandbox
	@$(BIN)/autograder prove $(ARGS)
	@$(MAKE) test-all

images: ## images [VARIANT=cuda]: build the images of all labs
	@$(PYTHON) images/build.py $(if $(VARIANT),--variant $(VARIANT))

image-%: FORCE ## image-NN [VARIANT=cuda]: build the image of one lab
	@$(PYTHON) images/build.py $* $(if $(VARIANT),--variant $(VARIANT))

publish: ## publish REGISTRY=host: push the images that are here, and join amd64 and arm64
	@$(if $(REGISTRY),,echo "Say where to: make publish REGISTRY=registry.example.edu" >&2; exit 2)
	@$(PYTHON) images/publish.py $(REGISTRY) $(ARGS)

##@ Developer
test: ## test: the tests, but for the slow ones
	$(SETUP) dev sandbox
	@$(BIN)/python -m pytest $(PARALLEL) -m "not slow" --ignore=tests/containers $(ARGS)

test-slow: ## test-slow: the slow ones: attacks, real model, browser
	$(SETUP) dev sandbox
	@$(BIN)/python -m pytest $(PARALLEL) -m slow --ignore=tests/containers $(ARGS)

test-as-user: ## test-as-user: is the sandbox as tight for an ordinary user, who has no cgroup? for root
	$(SETUP) dev sandbox
	@$(BIN)/python tests/adversarial/run_as_user.py $(PARALLEL) \
	  -m "not slow$(if $(LLM101_TEST_ALL),, and (isolation or limits))" tests/adversarial tests/sandbox $(ARGS)

test-containers: ## test-containers: images built and run, the docker sandbox; needs an engine, or root on Debian
	$(SETUP) dev sandbox
	@$(BIN)/python -m pytest tests/containers $(ARGS)

test-all: ## test-all: every test there is, with every lab and notebook
	@$(MAKE) test
	@$(if $(filter 0,$(shell id -u)),LLM101_TEST_ALL=1 $(MAKE) test-as-user)
	@LLM101_TEST_ALL=1 $(MAKE) test-slow
	@LLM101_TEST_ALL=1 $(MAKE) test-containers

coverage: ## coverage: the fast tests, and how much of each package they run
	$(SETUP) dev sandbox
	@rm -f build/coverage*
	@$(BIN)/python -m pytest $(PARALLEL) -m "not slow" --ignore=tests/containers --cov --cov-report= $(ARGS)
	@$(BIN)/python tests/coverage_table.py

bench: ## bench: grading speed, against peers
	$(SETUP) dev sandbox
	@$(BIN)/python bench/grading.py $(ARGS)

lint: ## lint: ruff, format, types
	$(SETUP) dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

docs: ## docs: build the documentation site into build/site
	$(SETUP) docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict $(ARGS)

format: ## format: lay the code out
	$(SETUP) dev
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: ## lock: pin requirements/*.in to requirements/*.txt
	$(SETUP) dev
	@$(BIN)/python requirements/lock.py

help: ## help: this menu
	@if [ -t 1 ]; then b='\033[1m' c='\033[36m' o='\033[0m'; fi; \
	awk -v b="$$b" -v c="$$c" -v o="$$o" -F '## ' '/^##@ /{printf "\n%s%s%s\n", b, substr($$0, 5), o} \
	  /^[a-z%-]+:.* ## /{i = index($$2, ": "); printf "  make %s%-26s%s %s\n", c, substr($$2, 1, i - 1), o, substr($$2, i + 2)} \
	  /^lesson = /{n = substr($$0, 11, 2)} /^en = /{printf "  make %slab-%-22s%s %s\n", c, n, o, substr($$0, 7, length - 7)}' \
	  Makefile $(sort $(wildcard assignments/en/lab-*/lab.toml))

##@ Labs
