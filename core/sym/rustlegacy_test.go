package sym

import "testing"

func TestLegacyRust(t *testing.T) {
	for name, want := range map[string]string{
		"_ZN3std3sys9backtrace28__rust_begin_short_backtrace17h416e4a7dbd501775E":                   "std::sys::backtrace::__rust_begin_short_backtrace",
		"_ZN5crash4main17hc09beeddb794d7aeE":                                                        "crash::main",
		"_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h08b1f583245aacfcE":                  "std::rt::lang_start::{{closure}}",
		"_ZN4core3ptr42drop_in_place$LT$alloc..string..String$GT$17h0123456789abcdefE":              "core::ptr::drop_in_place<alloc::string::String>",
		"_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE": "<alloc::string::String as core::fmt::Display>::fmt",
		"_ZNSt6vectorIiSaIiEE9push_backERKi":                                                        "std::vector<int, std::allocator<int> >::push_back(int const&)",
		"_ZN99_x17h0123456789abcdefE":                                                               "_ZN99_x17h0123456789abcdefE",
	} {
		if got := Demangle(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
