# vifd: `make help` lists the targets.

GO ?= go
TOOL := $(GO) tool -modfile=tools/go.mod
FUZZTIME ?= 3s
PREFIX ?= /usr
DESTDIR ?=
VIFD ?= bin/vifd

.PHONY: help build demo test test-tools lint unit fuzz unprivileged test-xen xenlab bench soak install uninstall clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The commit goes into `vifd version`, where this is a checkout, and git is there and trusts it.
build: ## bin/vifd, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=$$(git rev-parse --verify -q HEAD >/dev/null 2>&1 && echo true || echo false) -o bin/vifd ./cmd/vifd

# Only where it is older than what it is made of: root, who installs, need not have Go.
bin/vifd: $(shell find cmd internal actions handler matcher rules rules.d docs -type f ! -name '*_test.go' ! -path '*/testdata/*') go.mod go.sum
	$(MAKE) build

install: $(VIFD) ## vifd, its manual and units below PREFIX and DESTDIR; switches nothing on
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' VIFD='$(VIFD)' ./scripts/install

uninstall: ## takes away what install has put there
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' ./scripts/install --uninstall

demo: build ## the main job, live, in private namespaces: needs Go alone
	./bin/vifd demo

test: test-tools lint unit unprivileged ## every test, of Xen's one; installs what the tests use
	$(MAKE) test-xen ONLY=create-ping-spoof-destroy

test-tools: # nft, ip, bridge, udevd, tcpdump, qemu …, where missing
	./scripts/install-test-tools

lint: ## formatting, vet, staticcheck, go-errorlint, exhaustive
	@unformatted=$$($(TOOL) gofumpt -l .); if [ -n "$$unformatted" ]; then echo "gofumpt -w is needed for:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) go-errorlint ./...
	$(TOOL) exhaustive -d -typeignore 'syscall\.Errno' ./...

# Most of a test is waiting for the kernel, so more run at once than there are CPUs. At its end a program with the race detector
# waits a second for goroutines that are left; a test leaves none, and there are two such ends in most packages.
unit: bin/xenstored ## all tests, with the race detector
	GORACE="$$GORACE atexit_sleep_ms=0" $(GO) test -race -shuffle=on -parallel 4 -timeout 10m ./...

fuzz: ## every fuzz target for FUZZTIME; what they have found, the tests of each package repeat
	GO="$(GO)" ./scripts/fuzz $(FUZZTIME)

unprivileged: ## the kernel's tests again, as an ordinary user
	GO="$(GO)" ./scripts/test-unprivileged

test-xen: build xenlab ## vifd on a real Xen host, in QEMU: all of test/xenlab/scenarios, or ONLY=those
	./test/xenlab/xenlab test $(ONLY)

xenlab: test-tools # what QEMU boots, of Debian's packages; nothing is done twice
	./test/xenlab/xenlab build

bin/xenstored: $(wildcard test/xenlab/nox/*) test/xenlab/packages.txt | xenlab # Xen's own, for an ordinary kernel
	./test/xenlab/nox/xenstored-nox prepare $@

bench: ## the budgets, each beside what it is measured against
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m ./test/bench

soak: ## the storms and what is random, for longer
	VIFD_SOAK=1 GORACE="$$GORACE atexit_sleep_ms=0" $(GO) test -race -count=5 -run 'Storm|Overflow|Churn|Generated|JudgeIsTheKernels' -timeout 60m ./...
	$(MAKE) fuzz FUZZTIME=1m

clean: ## what was built
	rm -rf bin
