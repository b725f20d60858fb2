package store

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrMiss is returned by Get when there is no usable entry.
var ErrMiss = errors.New("not in the cache")

const (
	magic      = "xmdbstr1"
	headerSize = 32
	suffix     = ".xmdbcache"
	tempPrefix = "tmp-"
	// DefaultMax is the size cap of a Store opened without one, in bytes.
	DefaultMax = 512 << 20
	// staleTemp is the age from which on a temporary file was left by a process
	// that died.
	staleTemp = time.Hour
)

var table = crc32.MakeTable(crc32.Castagnoli)

// Store is a cache directory.
type Store struct {
	dir string
	max int64
}

// DefaultDir is the directory of the user's cache: xmdb in XDG_CACHE_HOME or
// what the host has for it.
func DefaultDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache directory: %w", err)
	}
	return filepath.Join(dir, "xmdb"), nil
}

// Open gives the store in a directory, which is made on the first Put; "" is
// DefaultDir. max is the cap on the sum of the entries in bytes, 0 for DefaultMax.
func Open(dir string, max int64) (*Store, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultDir(); err != nil {
			return nil, err
		}
	}
	if max <= 0 {
		max = DefaultMax
	}
	return &Store{dir, max}, nil
}

// path is the file of an entry. kind is a short word and shows in the name.
func (s *Store) path(kind, key string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + key))
	return filepath.Join(s.dir, kind+"-"+hex.EncodeToString(sum[:16])+suffix)
}

// Get gives the data put under a kind and key. ErrMiss if there is none or it is
// damaged; a damaged entry is removed.
func (s *Store) Get(kind, key string) ([]byte, error) {
	path := s.path(kind, key)
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > s.max {
		return nil, ErrMiss
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, ErrMiss
	}
	data, ok := decode(b, kind, key)
	if !ok {
		os.Remove(path)
		return nil, ErrMiss
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // a cache that cannot be written still serves
	return data, nil
}

// Put keeps data under a kind and key. Data larger than the store's cap is not
// kept.
func (s *Store) Put(kind, key string, data []byte) error {
	size := int64(headerSize + len(kind) + len(key) + len(data))
	if size > s.max {
		return fmt.Errorf("put %s in the cache: larger than its limit of %d bytes", kind, s.max)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make cache directory: %w", err)
	}
	if err := s.write(s.path(kind, key), kind, key, data); err != nil {
		return fmt.Errorf("write cache entry: %w", err)
	}
	s.evict()
	return nil
}

func (s *Store) write(path, kind, key string, data []byte) error {
	f, err := os.CreateTemp(s.dir, tempPrefix+"*"+suffix)
	if err != nil {
		return err
	}
	_, err = f.Write(encodeHeader(kind, key, data))
	if err == nil {
		_, err = f.Write(data)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func encodeHeader(kind, key string, data []byte) []byte {
	h := make([]byte, headerSize, headerSize+len(kind)+len(key))
	copy(h, magic)
	binary.LittleEndian.PutUint32(h[8:], uint32(len(kind)))
	binary.LittleEndian.PutUint32(h[12:], uint32(len(key)))
	binary.LittleEndian.PutUint64(h[16:], uint64(len(data)))
	h = append(append(h, kind...), key...)
	sum := crc32.Update(crc32.Checksum(h[headerSize:], table), table, data)
	binary.LittleEndian.PutUint32(h[24:], sum)
	return h
}

// decode checks a file and gives its data.
func decode(b []byte, kind, key string) ([]byte, bool) {
	n := headerSize + len(kind) + len(key)
	if len(b) < n || string(b[:8]) != magic ||
		binary.LittleEndian.Uint32(b[8:]) != uint32(len(kind)) ||
		binary.LittleEndian.Uint32(b[12:]) != uint32(len(key)) ||
		binary.LittleEndian.Uint64(b[16:]) != uint64(len(b)-n) ||
		string(b[headerSize:n]) != kind+key ||
		crc32.Checksum(b[headerSize:], table) != binary.LittleEndian.Uint32(b[24:]) {
		return nil, false
	}
	return b[n:], true
}

// evict removes the entries used least recently until the rest fits, and what
// interrupted writers left. The newest entry always stays.
func (s *Store) evict() {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	var infos []os.FileInfo
	var total int64
	for _, f := range files {
		info, err := f.Info()
		if err != nil || !info.Mode().IsRegular() || !strings.HasSuffix(f.Name(), suffix) {
			continue
		}
		if strings.HasPrefix(f.Name(), tempPrefix) {
			if time.Since(info.ModTime()) > staleTemp {
				os.Remove(filepath.Join(s.dir, f.Name()))
			}
			continue
		}
		infos = append(infos, info)
		total += info.Size()
	}
	slices.SortFunc(infos, func(a, b os.FileInfo) int {
		return cmp.Compare(a.ModTime().UnixNano(), b.ModTime().UnixNano())
	})
	for len(infos) > 1 && total > s.max {
		if os.Remove(filepath.Join(s.dir, infos[0].Name())) == nil {
			total -= infos[0].Size()
		}
		infos = infos[1:]
	}
}
