package out

import "time"

// The seconds of the years 1 and 9999, a day within any time zone.
const (
	firstSecond = -62135596800 + 86400
	lastSecond  = 253402300799 - 86400
)

const clockLayout = "2006 Jan _2 15:04:05"

// appendTime is %Y: local time (TZ counts), or the number in the given radix
// where the year has no four digits.
func appendTime(dst []byte, sec int64, radix int) []byte {
	if sec < firstSecond || sec > lastSecond {
		return appendInt(dst, sec, radix, 0)
	}
	return time.Unix(sec, 0).In(time.Local).AppendFormat(dst, clockLayout)
}

// FormatTime returns seconds since 1970 as %Y prints them in radix 16.
func FormatTime(sec int64) string { return string(appendTime(nil, sec, 16)) }
