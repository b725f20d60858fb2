# The targets that people and CI call. Only Go and make are needed for build and
# run; test and bench install what they use through fixtures/install.

export CGO_ENABLED = 0
GO ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64 \
	freebsd/amd64 freebsd/arm64 illumos/amd64

.PHONY: build run test guest bench fmt vet docs sample cross clean

build:
	$(GO) build -trimpath -o bin/xmdb ./cmd/xmdb

run: build
	./bin/xmdb --sample

# The guest's dumps are made first and kept (docs/test-guest.md): of ten packages that want
# them nine would wait. What fails here fails the tests that need it.
test:
	fixtures/install
	-$(GO) run ./fixtures/guest/cmd/guest dumps
	XMDB_NOSKIP=1 $(GO) test -timeout 45m $(TESTFLAGS) ./...

# The tests' virtual machine, until interrupted: make guest MACHINE=generic
guest:
	fixtures/install
	$(GO) run ./fixtures/guest/cmd/guest run $(MACHINE)

bench: build
	fixtures/install bench
	$(GO) run ./fixtures/bench -xmdb bin/xmdb -update docs/performance.md

fmt:
	gofmt -w $$(git ls-files '*.go')

vet:
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

# What the binary says of itself, and what it answers on its sample.
docs: sample
	$(MAKE) build
	./bin/xmdb --gen-docs docs

# The crash dump that the binary has built in, from its scenario.
sample:
	$(GO) run ./fixtures/sample/make

cross:
	@for p in $(PLATFORMS); do \
		echo "build for $$p"; \
		GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build ./... || exit 1; \
	done

clean:
	rm -rf bin
