SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help test lint fuzz cover bench build image

DOCKER ?= docker
IMAGE ?= localhost/millrace:dev

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: ## run every test, on an in-memory and on a real Redis
	@command -v redis-server >/dev/null || .ci/install redis-server
	go vet ./...
	go test $$(.ci/race) -timeout 9m ./...

lint: ## check style, imports and likely mistakes (.golangci.yaml)
	go tool -modfile=tools/go.mod golangci-lint run
	cd bench && go tool -modfile=../tools/go.mod golangci-lint run --config ../.golangci.yaml

fuzz: ## look for inputs that break each fuzz test, for a minute each
	@.ci/fuzz 1m

cover: ## show how much of each package its own tests reach
	@command -v redis-server >/dev/null || .ci/install redis-server
	@.ci/cover

bench: ## measure Millrace beside bare loops, for half an hour (docs/performance.md)
	@command -v redis-server >/dev/null || .ci/install redis-server
	cd bench && go run .

build: ## build ./millrace, one static file
	CGO_ENABLED=0 go build -trimpath -o millrace .

image: ## build the container image (IMAGE=localhost/millrace:dev, DOCKER=docker)
	$(DOCKER) build -t $(IMAGE) .
