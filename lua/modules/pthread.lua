-- pthread: what the threads of a Linux process wait for: mutexes, condition
-- variables, semaphores, other threads. For glibc's NPTL.
--
-- A thread that waits is in the futex system call: its registers say on which
-- word of memory (futex(2)), the functions on its stack say of what the word is a
-- part. The structures are read by the program's own types where it has them, else
-- by the layout that glibc has kept since 2.25 (sysdeps/nptl/bits/struct_mutex.h,
-- thread-shared-types.h of x86 and AArch64), which is part of its ABI.

-- By architecture: the number of futex(2) and the registers of its first arguments.
local FUTEX = {
	amd64 = {nr = 202, word = "rdi", op = "rsi"},
	arm64 = {nr = 98, word = "x0", op = "x1"},
	i386 = {nr = 240, word = "ebx", op = "ecx"},
}
local WAITING = {[0] = true, [6] = true, [9] = true, [11] = true, [13] = true} -- FUTEX_WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2

mdb.module{name = "pthread", descr = "locks of POSIX threads and who waits for them",
	objects = {"libc", "libpthread"},
	active = function()
		return mdb.target() == "proc" and #mdb.threads() > 0 and FUTEX[mdb.arch().name] ~= nil
	end}

-- field reads a member of a structure by the target's types, or at its place in
-- glibc's layout.
local function field(type, addr, path, offset, read)
	if mdb.has_type(type) then
		local ok, v = pcall(function() return mdb.object(type, addr):get(path) end)
		if ok then return v end
	end
	return read(addr + offset)
end

local function mutex(addr)
	local function f(name, offset) return field("pthread_mutex_t", addr, "__data." .. name, offset, mdb.read_i32) end
	local users, kind = 12, 16
	if mdb.arch().ptrsize == 4 then users, kind = 16, 12 end
	local m = {addr = addr, lock = f("__lock", 0), count = f("__count", 4), owner = f("__owner", 8), users = f("__nusers", users)}
	kind = f("__kind", kind)
	m.type = ({[0] = "normal", "recursive", "errorcheck", "adaptive"})[kind:band(3)]
	m.attr = {}
	for _, a in ipairs{{16, "robust"}, {32, "inherit"}, {64, "protect"}, {128, "shared"}} do
		if kind:band(a[1]) ~= 0 then m.attr[#m.attr + 1] = a[2] end
	end
	m.held = m.lock ~= 0
	m.valid = kind:band(-512) == 0 and m.users >= 0 and (m.held or m.owner <= 0)
	return m
end

local function cond(addr)
	local wrefs = field("pthread_cond_t", addr, "__data.__wrefs", 36, mdb.read_u32)
	return {addr = addr, waiters = wrefs:rshift(3), shared = wrefs:band(1) ~= 0, clock = wrefs:band(2) ~= 0 and "monotonic" or "realtime"}
end

-- What a function on the stack says of the wait: a pattern of its name, the kind,
-- and from the futex's word the start of the structure.
local function same(word) return word end
local KINDS = {
	{"pthread_cond_", "cond", function(word) return word - 40 - word % 8 end}, -- __g_signals[0] or [1]
	{"pthread_mutex_", "mutex", same},
	{"lll_.*lock_wait", "mutex", same},
	{"pthread_rwlock_", "rwlock", same},
	{"sem_.*wait", "sem", same},
	{"sem_wait", "sem", same},
	{"pthread_.*join", "join", same},
	{"pthread_barrier_", "barrier", same},
	{"pthread_once", "once", same},
}

local function classify(tid, word)
	for _, f in ipairs(mdb.frames(tid, 6)) do
		for _, k in ipairs(KINDS) do
			if f.name:find(k[1]) then return k[2], k[3](word) end
		end
	end
	return "futex", word
end

-- waits lists the threads that wait for a futex, and in the order of the threads.
local function waits()
	local ids, list = {}, {}
	for _, t in ipairs(mdb.threads()) do ids[t.id] = true end
	local futex = FUTEX[mdb.arch().name]
	for _, t in ipairs(mdb.threads()) do
		local r = mdb.regs(t.id)
		if mdb.syscall(t.id) == futex.nr and WAITING[r[futex.op]:band(127)] then
			local word = r[futex.word]
			local kind, addr = classify(t.id, word)
			local w = {tid = t.id, name = t.name, kind = kind, addr = addr, word = word}
			if kind == "mutex" or kind == "futex" then
				local ok, m = pcall(mutex, addr)
				if ok and m.valid and m.held and ids[m.owner] then
					w.kind, w.owner = "mutex", mdb.u64(m.owner)
				end
			elseif kind == "join" then
				local ok, id = pcall(mdb.read_i32, w.word)
				if ok and id > 0 then w.owner = mdb.u64(id) end
			end
			list[#list + 1] = w
		end
	end
	return list
end

local function waiters(addr, size)
	local tids = {}
	for _, w in ipairs(waits()) do
		if w.word >= addr and w.word < addr + size then tids[#tids + 1] = w.tid:dec() end
	end
	return tids
end

local function sizeof(type, default)
	return mdb.has_type(type) and mdb.sizeof(type) or default
end

mdb.walker{name = "pthread_wait", descr = "walk the locks that threads wait for, each once",
	walk = function()
		local seen = {}
		for _, w in ipairs(waits()) do
			if not seen[w.addr] then
				seen[w.addr] = true
				mdb.yield(w.addr)
			end
		end
	end}

mdb.command{name = "waits", descr = "threads that wait for a lock, and who holds it", pipe = "addr",
	help = "Lists the threads that wait in the futex system call: for a mutex (with the thread that\n" ..
		"owns it), a condition variable, a semaphore or another thread's end; with an\n" ..
		"address only those that wait for that. Passes the addresses on in a pipeline.\n",
	addr = "optional",
	columns = {{name = "tid", format = "%6d", head = "TID"}, {name = "for", format = "%-8s", head = "FOR"},
		{name = "addr", format = "%?p", head = "ADDR"}, {name = "owner", format = "%-7s", head = "OWNER"},
		{name = "object", format = "%s", head = "OBJECT"}},
	run = function(ctx)
		for _, w in ipairs(waits()) do
			if not ctx.has_addr or w.addr == ctx.addr then
				ctx:row(w.tid, w.kind, w.addr, w.owner and w.owner:dec() or "-", mdb.name(w.addr))
			end
		end
	end}

mdb.command{name = "pthread_mutex", descr = "print a POSIX mutex and its waiters", addr = "required", type = "pthread_mutex_t",
	help = "Prints whether the mutex is held, by which thread (its lwp id) and how often,\nits type, and the threads that wait for it.\n",
	run = function(ctx)
		local m = mutex(ctx.addr)
		if not m.valid then ctx:warn("%p does not look like a mutex", ctx.addr) return false end
		if m.held then
			ctx:printf("%p: held by thread %d", ctx.addr, m.owner)
			if m.type == "recursive" then ctx:printf(", %d times", m.count) end
		else
			ctx:printf("%p: not held", ctx.addr)
		end
		ctx:printf(", %s", table.concat({m.type, unpack(m.attr)}, " "))
		local tids = waiters(ctx.addr, 4)
		ctx:printf("\n%16s  waiters: %s\n", "", #tids > 0 and table.concat(tids, " ") or "none")
	end}

mdb.command{name = "pthread_cond", descr = "print a POSIX condition variable and its waiters", addr = "required", type = "pthread_cond_t",
	help = "Prints how many threads wait for the condition variable and which, and its clock.\n",
	run = function(ctx)
		local c = cond(ctx.addr)
		ctx:printf("%p: %d waiting, %s clock%s\n", ctx.addr, c.waiters, c.clock, c.shared and ", shared" or "")
		local tids = waiters(ctx.addr, sizeof("pthread_cond_t", 48))
		ctx:printf("%16s  waiters: %s\n", "", #tids > 0 and table.concat(tids, " ") or "none")
	end}

mdb.command{name = "deadlock", descr = "find threads that wait for one another",
	help = "Follows each waiting thread to the owner of what it waits for, and from there on, and\nprints every circle found. Exits with failure if there is one.\n",
	run = function(ctx)
		local next, done, found = {}, {}, false
		for _, w in ipairs(waits()) do
			if w.owner then next[w.tid] = w end
		end
		for _, t in ipairs(mdb.threads()) do
			local path, at = {}, t.id
			while next[at] and not done[at] do
				done[at], path[at] = t.id, true
				at = next[at].owner
			end
			if path[at] then -- back on the way just gone
				found = true
				ctx:printf("deadlock:\n")
				local first = at
				repeat
					local w = next[at]
					ctx:printf("  thread %d waits for %s %p (%s), which thread %d holds\n",
						at, w.kind, w.addr, mdb.name(w.addr), w.owner)
					at = w.owner
				until at == first
			end
		end
		if not found then ctx:printf("no deadlock among mutexes and joins\n") end
	end}
