# `make help` lists what there is. Needs Go, git and make; a target that needs
# more says so in one line.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

FUZZTIME ?= 30s
BENCH ?= .
BENCHTIME ?= 1x
PACKAGES ?= ./...
SEEDS ?= 200
DRILLS ?= 50
WORST ?= 20

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r t d; do printf '  %-12s %s\n' "$$t" "$$d"; done

.PHONY: needs
needs:
	@hack/needs.sh

.PHONY: build
build: needs ## compile bin/bulkhead
	@go build -trimpath -ldflags "-s -w -X bulkhead.dev/bulkhead/internal/cli.version=$$(hack/version.sh)" -o bin/bulkhead ./cmd/bulkhead

# Exit code 1 says that a zone's loss is not survived: for the naive shop, that
# is the right answer.
.PHONY: demo
demo: build ## what a zone's loss does to two versions of a shop
	@mkdir -p demo
	@echo '$$ bulkhead simulate -f examples/shop/naive'
	@bin/bulkhead simulate -f examples/shop/naive || [ $$? -eq 1 ]
	@echo
	@echo '$$ bulkhead simulate -f examples/shop/hardened'
	@bin/bulkhead simulate -f examples/shop/hardened
	@bin/bulkhead simulate -q -f examples/shop/naive -o html >demo/naive.html || [ $$? -eq 1 ]
	@bin/bulkhead simulate -q -f examples/shop/hardened -o html >demo/hardened.html
	@echo
	@echo 'reports: demo/naive.html demo/hardened.html'

.PHONY: components
components: needs ## build kube-apiserver, etcd, kwok and the like from source, once
	@hack/build-components.sh

.PHONY: test
test: needs components ## every test, as CI runs them; BULKHEAD_REQUIRE_ALL=1 fails where one would be skipped
	@hack/install-chromium.sh
	@hack/install-consumers.sh
	go test -count=1 -timeout 40m $(if $(filter ./...,$(PACKAGES)),$$(go list ./... | grep -v /test/e2e$$),$(PACKAGES))
	@# A drill measures: nothing else runs beside it.
	$(if $(filter ./...,$(PACKAGES)),go test -count=1 -timeout 20m ./test/e2e,@true)

.PHONY: race
race: needs components ## every test under the race detector (needs a C compiler)
	@hack/needs.sh cc
	CGO_ENABLED=1 go test -race -count=1 -timeout 60m $(PACKAGES)

.PHONY: fidelity
fidelity: needs components ## a zone lost in random real clusters, and in simulations of them; SEEDS (200) goes on where it stopped
	go test -count=1 -timeout 0 -v -run '^(TestFidelity|TestTimes)$$' ./internal/fidelity -args -seeds $(SEEDS) -times

.PHONY: e2e
e2e: needs components ## a local cluster, drilled and taken away, as root: the short form of drills
	go test -count=1 -timeout 10m -v ./test/e2e

.PHONY: drills
drills: needs components ## every fault in a real cluster, as root: DRILLS (50), and WORST (20) worst cases; goes on where it stopped
	BULKHEAD_REQUIRE_ALL=1 go test -count=1 -timeout 0 -v -run '^TestDrills$$' ./test/drills -args -drills $(DRILLS) -worst $(WORST) -update \
		-version "$$(hack/version.sh)" -results "$${XDG_CACHE_HOME:-$$HOME/.cache}/bulkhead/drills-$$(hack/version.sh).jsonl"

.PHONY: fuzz
fuzz: needs ## fuzz the readers of manifests, saved clusters and specs, each for FUZZTIME (30s)
	go test -run '^$$' -fuzz '^FuzzRead$$' -fuzztime $(FUZZTIME) ./internal/snapshot
	go test -run '^$$' -fuzz '^FuzzLoad$$' -fuzztime $(FUZZTIME) ./internal/snapshot
	go test -run '^$$' -fuzz '^FuzzDecode$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./internal/spec

.PHONY: bench
bench: needs ## benchmarks; BENCH selects, BENCHTIME repeats (docs/benchmarks.md)
	go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem -timeout 120m $(PACKAGES)

.PHONY: side-by-side
side-by-side: build components ## a zone lost in a real control plane and in a simulation; NODES (1000) sets the size
	@hack/side-by-side.sh

.PHONY: golden
golden: needs ## write the golden files again from what the code does now
	hack/update-golden.sh

.PHONY: generate
generate: needs ## write generated files again
	go generate $(PACKAGES)

.PHONY: lint
lint: needs ## golangci-lint, in the version that hack/tools pins
	hack/lint.sh

.PHONY: verify
verify: needs ## regenerate everything; fail on any difference
	hack/verify-all.sh
