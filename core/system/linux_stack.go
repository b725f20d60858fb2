package system

// linuxORC is the kernel's unwind tables.
type linuxORC struct{}
