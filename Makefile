# Conveyor's few targets. Tools are pinned in tools/go.mod and built on first use.
SHELL   := bash
BIN     := bin/conveyor
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
TOOLS   := $(CURDIR)/bin/tools
GO      ?= go

# The race detector watches all but SQLite's core, which is C made Go: single-threaded code that it slows by ten. At the end
# of a process it waits for late reports, a whole second unless told otherwise.
RACE := GORACE="atexit_sleep_ms=20 $(GORACE)" GOFLAGS="$(GOFLAGS) -gcflags=modernc.org/sqlite/lib=-race=false" $(GO) test -race

.DEFAULT_GOAL := help
.PHONY: help build console demo test lint fmt bench ci

help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

ASSETS := internal/console/assets/index.html.br

console: $(if $(filter no,$(CONSOLE)),,$(ASSETS)) ## build the web console, when Node is there; CONSOLE=no leaves it out

$(ASSETS): $(shell git ls-files -co --exclude-standard web)
	@hack/build-console

build: console ## build bin/conveyor, with the console when Node is there
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN) ./cmd/conveyor

demo: build ## watch the belt move: a fresh server, a push, a build, a page; keeps serving
	@$(BIN) demo

test: build ## every test, with the race detector, on SQLite and PostgreSQL; installs what it needs
	@hack/test-deps
	@$(MAKE) --no-print-directory console
	@! [ -d web/node_modules ] || npm --prefix web test --silent
	@hack/with-postgres env $(RACE) -timeout 30m ./... $(TESTFLAGS)

lint: ## the linters, with the layer rule
	@GOBIN=$(TOOLS) $(GO) -C tools install tool
	@$(TOOLS)/golangci-lint run ./...
	@$(TOOLS)/golangci-lint fmt --diff ./...
	@! [ -d web/node_modules ] || npm --prefix web run --silent check

fmt: ## format the code
	@GOBIN=$(TOOLS) $(GO) -C tools install tool
	@$(TOOLS)/golangci-lint fmt ./...

bench: build ## measure, beside the budget and a rival in the same run
	@hack/with-postgres $(GO) run ./bench

ci: lint test ## what continuous integration runs
