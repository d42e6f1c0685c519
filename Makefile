# The few commands a newcomer needs. Each says what it does, installs what it lacks, and asks nothing.
SECONDS ?= 60

help:
	@echo 'make demo                    the main job, shown: a flood, the ban, the unban (under a minute)'
	@echo 'make test                    all tests, also against the original fail2ban'
	@echo 'make compat-fuzz SECONDS=60  look for differences from the original with generated input'
	@echo 'make bench                   speed, beside the original'
	@echo 'make bench-arm               instructions per line of the build for the Raspberry Pi 1, under qemu'
	@echo 'make deb                     the Debian package'

demo:
	@scripts/demo

test:
	@scripts/test

compat-fuzz:
	@scripts/compat-fuzz $(SECONDS)

bench:
	@scripts/bench

bench-arm:
	@scripts/bench-arm

deb:
	@scripts/deb

.PHONY: help demo test compat-fuzz bench bench-arm deb
