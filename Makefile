# Everything that people run here. The work is done by scripts in deploy/; settings are in deploy/local/settings.sh.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
STACK ?= dev
export STACK

.PHONY: help up run down status logs roll demo env-check test lint coverage fmt bench hooks chaos verify clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start everything and follow the logs; Ctrl-C stops all of it
	@deploy/local/stack run

up: ## start everything and return when it is ready; OBSERVE=1 with Prometheus and Alertmanager
	@deploy/local/stack up

down: ## stop everything that up or run started
	@deploy/local/stack down

status: ## what runs, and since when
	@deploy/local/stack status

logs: ## follow the logs, or one of them: make logs NAME=payments-svc
	@deploy/local/stack logs $(NAME)

roll: ## restart services without a failed request: make roll, or one of them: make roll SVC=bcm-svc
	@deploy/local/stack roll $(SVC)

demo: ## drive the whole journey once, through the gateway
	@deploy/local/stack demo

env-check: ## ask each service whether its settings and dependencies are sound
	@deploy/local/stack env-check

test: ## every check there is, on a stack of its own beside yours
	@deploy/test/run all

lint: ## formatting, clippy, rustdoc, scripts, gateway, compose, alerts and dashboards
	@deploy/test/run lint

coverage: ## line coverage of the Rust code by its tests; compiles everything once more
	@deploy/test/coverage

fmt: ## format the Rust code
	@cargo fmt --all

bench: ## measure the rows of docs/PERFORMANCE.md, or one of them: make bench NAME=relay
	@deploy/bench/run $(NAME)

hooks: ## check whitespace and formatting before each commit of yours
	@git config core.hooksPath .githooks

chaos: ## break one thing after the other under load: make chaos NAME='K3 redis' RUNS=50
	@STACK=test deploy/chaos/run $(NAME) --runs $(or $(RUNS),1)

verify: ## prove a phase of the plan: make verify PHASE=…
	@test -n "$(PHASE)" -a -x "deploy/verify/$(PHASE)" || { echo "PHASE must be one of: $$(ls deploy/verify 2>/dev/null | paste -sd' ')" >&2; exit 2; }
	@deploy/verify/$(PHASE)

clean: ## remove the stack's data, after asking
	@deploy/local/stack clean
