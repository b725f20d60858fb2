// Package debuginfod fetches debug files and programs by build-id from servers
// of distributions, and keeps what came where elfutils' own client keeps it.
//
// # Model
//
// A Client has a list of servers and a cache directory. Find looks into the
// cache and asks the servers, one after another, until one has the file; what
// came is checked (an ELF file, whole, of that build-id) before it gets its
// name in the cache. That no server has a file is remembered too.
//
// # Format
//
// The web API of debuginfod(8): GET URL/buildid/HEXID/debuginfo or /executable;
// 404 is "not here"; the header X-Debuginfod-Size is the file's size in bytes.
// The environment and the cache are those of debuginfod-find(1) and
// debuginfod_find_debuginfo(3): DEBUGINFOD_URLS, DEBUGINFOD_CACHE_PATH,
// DEBUGINFOD_TIMEOUT, DEBUGINFOD_MAXSIZE, DEBUGINFOD_MAXTIME; files
// CACHE/HEXID/debuginfo and CACHE/HEXID/executable, of no bytes if no server had
// it when the file was made, which holds for as many seconds as
// CACHE/cache_miss_s says.
//
// # Invariants
//
// Nothing is asked of anybody unless DEBUGINFOD_URLS names a server. Redirects
// lead to http and https only. A file in the cache is whole: it is written under
// another name and renamed. A server that cannot be reached is not asked again
// by the same Client: a core has a hundred files.
//
// # Not handled
//
// Sources and single sections; file:// servers; IMA signatures; the metadata
// query. Files unused for long are removed from the cache by elfutils' client,
// not by this one.
package debuginfod
