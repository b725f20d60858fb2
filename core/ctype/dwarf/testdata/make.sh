#!/bin/sh
# make.sh: makes the objects and programs in this directory of plain.c. They are
# committed: seeds of the fuzz targets, and what LLVM and other machines write
# for a host that has GCC for its own machine only. Needs gcc, g++, clang, objcopy.
set -eu
cd "$(dirname "$0")"
map="-fdebug-prefix-map=$PWD=/src"
strip='--remove-section=.comment --remove-section=.eh_frame --remove-section=.rela.eh_frame --remove-section=.note*'

for v in 2 4 5; do
	gcc "$map" -gdwarf-$v -O2 -c plain.c -o plain-$v.o
done
g++ "$map" -gdwarf-5 -O1 -fdebug-types-section -x c++ -c plain.c -o plain-types.o
clang "$map" -gdwarf-5 -O2 -c plain.c -o plain-clang.o
clang "$map" -gdwarf-4 -target aarch64-linux-gnu -c plain.c -o plain-arm64.o
clang "$map" -gdwarf-4 -target arm-linux-gnueabi -c plain.c -o plain-arm.o
clang "$map" -gdwarf-4 -target powerpc64-linux-gnu -c plain.c -o plain-ppc64.o
clang "$map" -gdwarf-3 -target s390x-linux-gnu -c plain.c -o plain-s390x.o
for v in 4 5; do
	clang "$map" -gdwarf-$v -O2 -nostdlib -static -Wl,-e,sum -Wl,-n \
		-Wl,-z,noseparate-code -Wl,--build-id=none plain.c -o llvm-$v.elf
done
for f in plain-[245].o plain-types.o plain-clang.o *.elf; do
	objcopy $strip "$f" # the others are of machines that objcopy may not know
done
