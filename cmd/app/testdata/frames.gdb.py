# Runs inside gdb on a core: one line of JSON for every STEP-th thread, with its
# frames and, of each, the arguments and locals with their values.
import gdb
import json
import os

KINDS = {gdb.NORMAL_FRAME: "normal", gdb.INLINE_FRAME: "inline",
         gdb.TAILCALL_FRAME: "tailcall", gdb.SIGTRAMP_FRAME: "signal"}
STEP = int(os.environ["FRAMES_STEP"])
VARS = int(os.environ["FRAMES_VARS"])  # frames of a thread whose variables are told
STRUCTS = os.environ["FRAMES_STRUCTS"] == "1"  # compare those of C, too
M64 = 2**64 - 1
ARCH = gdb.newest_frame().architecture().name()
SP, MASK = {"aarch64": ("sp", M64), "i386": ("esp", 2**32 - 1)}.get(ARCH, ("rsp", M64))


def value(v):
    """The value as xmdb's JSON has it, None for what is not compared."""
    t = v.type.strip_typedefs()
    if v.is_optimized_out:
        return "<optimized out>"
    if t.code == gdb.TYPE_CODE_INT and t.sizeof <= 8:
        return str(int(v))
    if t.code == gdb.TYPE_CODE_CHAR:
        return str(int(v.cast(gdb.lookup_type("long"))))
    if t.code == gdb.TYPE_CODE_BOOL:
        return str(v).lower()
    if t.code == gdb.TYPE_CODE_ENUM:
        return str(v)
    if t.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF):
        if t.code == gdb.TYPE_CODE_REF:
            v = v.referenced_value().address
        return "%#x" % (int(v) & MASK)
    if t.code == gdb.TYPE_CODE_FLT and t.sizeof <= 8:
        return repr(float(v))
    return None


def members(v):
    """The members of a struct of C as one object, as value has each."""
    out = {}
    for f in v.type.strip_typedefs().fields():
        m = v[f]
        x = value(m)
        if x is None and m.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
            x = members(m)
        if f.name and x is not None:
            out[f.name] = x
    return out


def variables(frame):
    out, seen = [], set()
    try:
        block = frame.block()
    except RuntimeError:
        return out
    while block is not None:
        for s in block:
            if not (s.is_variable or s.is_argument) or s.name in seen:
                continue
            seen.add(s.name)
            try:
                whole = frame.read_var(s, block) if s.needs_frame else s.value()
                v = value(whole)
                if STRUCTS and whole.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
                    v = json.dumps(members(whole))
            except (gdb.error, OverflowError, ValueError) as e:
                v = "<error: %s>" % e
            if v is not None:
                out.append({"name": s.name, "arg": s.is_argument, "value": v})
        if block.function is not None:
            break
        block = block.superblock
    return out


for i, thread in enumerate(sorted(gdb.selected_inferior().threads(), key=lambda t: t.num)):
    if i % STEP:
        continue
    thread.switch()
    frames = []
    frame = gdb.newest_frame()
    while frame is not None:
        line = frame.find_sal()
        frames.append({
            "kind": KINDS.get(frame.type(), "other"), "pc": "%#x" % frame.pc(),
            "sp": "%#x" % (int(frame.read_register(SP)) & MASK), "func": frame.name() or "",
            "file": line.symtab.filename if line.symtab else "", "line": line.line if line.symtab else 0,
            "vars": variables(frame) if len(frames) < VARS else None,
        })
        frame = frame.older()
    print("J " + json.dumps({"lwp": thread.ptid[1], "frames": frames}))
