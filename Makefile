# The index of verbs, one command each. `make` alone explains them.

.DEFAULT_GOAL := help
.PHONY: help run test check build deploy seed down status bench release aws openapi docs fmt venv
SHELL := bash

PORT ?= 4566
STAGE ?= dev
ARCH ?= x86_64
FUNCTIONS := $(patsubst functions/%/Cargo.toml,--package %,$(wildcard functions/*/Cargo.toml))
VENV := .venv/.made-from-requirements

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## the whole of it on this machine: both stacks, people and money in them, a simulated day
	cargo xtask up --port $(PORT)
	cargo xtask seed --port $(PORT)
	cargo run --quiet --package field-day -- --url "$$(cargo xtask url --port $(PORT))"
	@cargo xtask status
	@echo "api    $$(cargo xtask url --port $(PORT))"
	@echo "logins desk@pennco, settlement@pennco, admin@pennco, bfil@pennco, …, also @vishi and @salesco; password $${MILEPOST_PASSWORD:-milepost-local}"
	@echo "agents +919800000001@pennco …, by a code; sent SMS and mail: http://127.0.0.1:$(PORT)/_ministack/sns/sms-messages, …/ses/messages"
	@echo "report target/field-day.html"
	@echo "next   make deploy FUNCTION=delivery-confirm (after an edit) · make status · make down"
	@echo "       one event of events/ to one function with cargo lambda invoke: docs/OPERATIONS.md"

test: venv ## everything a change must pass
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	.venv/bin/cfn-lint infra/*.yaml
	cargo build --workspace --bins
	cargo nextest run --workspace

check: ## types only, the fastest answer
	cargo check --workspace --all-targets

build: venv ## every binary, for this machine
	cargo build --workspace --bins

deploy: ## new code to the running stack: all of it, or FUNCTION=delivery-confirm
	cargo build $(if $(FUNCTION),--package $(FUNCTION),--workspace --bins)
	cargo xtask deploy --port $(PORT) $(if $(FUNCTION),--function $(FUNCTION))

seed: ## operators, people and money into the running stack
	cargo xtask seed --port $(PORT)

down: ## end the stack; its state is gone
	cargo xtask down --port $(PORT)

status: ## which stacks run, and where
	cargo xtask status

bench: ## what the rules on hot paths cost: instructions, counted by valgrind
	@command -v valgrind >/dev/null || { echo "make bench counts with valgrind, which is not here: install your system's package of it, such as apt-get install valgrind" >&2; exit 1; }
	cargo install --quiet --locked --root target/tools gungraun-runner --version "$$(cargo pkgid gungraun-runner | sed 's/.*@//')"
	PATH="$(CURDIR)/target/tools/bin:$$PATH" cargo bench --quiet --package bench

release: venv ## every function for AWS, in one build, then checked
	PATH="$(CURDIR)/.venv/bin:$$PATH" cargo lambda build --release $(FUNCTIONS)$(if $(filter arm64,$(ARCH)), --arm64)
	cargo xtask release-check

aws: ## what `make release` built to AWS, STAGE=dev or prod; needs the SAM CLI and credentials
	cd infra && sam deploy --config-env $(STAGE)-data --no-fail-on-empty-changeset && sam deploy --config-env $(STAGE) --no-fail-on-empty-changeset

openapi: ## docs/openapi.json, from the handlers' own types
	cargo run --quiet --package openapi > target/openapi.json && mv target/openapi.json docs/openapi.json

docs: ## the crates' own documentation
	cargo doc --workspace --no-deps

fmt: ## the house's formatting
	cargo fmt --all

venv: $(VENV) ## the emulator and its tools

$(VENV): infra/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement infra/requirements.txt
	touch $@
