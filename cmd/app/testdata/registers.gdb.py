# Runs inside gdb on a core: one line of JSON for every thread, with its general and
# vector registers as unsigned numbers.
import gdb
import json

VECTORS = {"aarch64": ["v%d" % i for i in range(32)], "i386": ["xmm%d" % i for i in range(8)],
           "i386:x86-64": ["xmm%d" % i for i in range(16)]}


def number(value, bits):
    if value.is_optimized_out:
        return None
    try:
        return int(value) & (2**bits - 1)
    except gdb.error:
        return None


for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
    thread.switch()
    frame = gdb.newest_frame()
    general, vector = {}, {}
    for r in frame.architecture().registers("general"):
        v = frame.read_register(r.name)
        general[r.name] = number(v, 8 * v.type.sizeof)
    for name in VECTORS[frame.architecture().name()]:
        try:
            v = frame.read_register(name)
            v = v["d"]["u"] if name[0] == "v" else v["v2_int64"]
            vector[name] = "0x%016x%016x" % (number(v[1], 64), number(v[0], 64))
        except (gdb.error, TypeError, ValueError):
            pass
    for name in ("mxcsr", "fpsr", "fpcr", "fctrl", "fstat"):
        try:
            vector[name] = "%#x" % number(frame.read_register(name), 32)
        except (gdb.error, TypeError, ValueError):
            pass
    print("J " + json.dumps({"lwp": thread.ptid[1], "general": general, "vector": vector}))
