package glibc

// Offsets in struct malloc_state (64-bit; glibc 2.26 to 2.41), in bytes.
const (
	stFastbins  = 0x10 // mfastbinptr[10]
	stTop       = 0x60
	stRemainder = 0x68
	stBins      = 0x70 // mchunkptr[254]: fd and bk of 127 list heads
	stNext      = 0x870
	stSystemMem = 0x888
	stSize      = 0x898

	nFastbins = 10
	nBins     = 127
)

// Offsets in heap_info, which begins a heap of an arena other than the main one.
const (
	hiArena = 0
	hiPrev  = 8
	hiSize  = 0x10

	heapMax = 64 << 20 // alignment and largest size of a heap: HEAP_MAX_SIZE
)

// Of chunks.
const (
	header    = 16 // bytes before what malloc returns
	alignment = 16
	minChunk  = 32

	prevInUse  = 1
	isMmapped  = 2
	nonMain    = 4
	sizeFlags  = 7
	fencepost  = 16 // size of the chunk that ends a heap
	maxChunk   = 1 << 46
	maxArenas  = 4096
	maxHeaps   = 1 << 16
	maxChunks  = 1 << 28
	maxBinWalk = 1 << 26
)

// tcache_perthread_struct of glibc 2.30 to 2.41 and that of 2.26 to 2.29.
const (
	tcBins     = 64
	tcSize     = tcBins*2 + tcBins*8 // counts are uint16_t
	tcOldSize  = tcBins + tcBins*8   // counts are char
	tcMaxCount = 1 << 12             // far beyond glibc.malloc.tcache_count's limit
)

// tcClass is the chunk size of a tcache bin.
func tcClass(bin int) uint64 { return minChunk + uint64(bin)*alignment }
