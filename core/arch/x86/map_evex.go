package x86

// evex0F is the EVEX map without a prefix.
var evex0F = [256]op{
	0x10: {"vmovups", fXEG, 0},
	0x11: {"vmovups", fXGE, 0},

	0x28: {"vmovaps", fXEG, 0},
	0x29: {"vmovaps", fXGE, 0},

	0x54: {"vandps", fXEHG, 0},
	0x55: {"vandnps", fXEHG, 0},
	0x56: {"vorps", fXEHG, 0},
	0x57: {"vxorps", fXEHG, 0},
}

// evex660F is the EVEX 66 0F map.
var evex660F = [256]op{
	0x10: {"vmovupd", fXEG, 0},
	0x11: {"vmovupd", fXGE, 0},

	0x28: {"vmovapd", fXEG, 0},
	0x29: {"vmovapd", fXGE, 0},

	0x54: {"vandpd", fXEHG, 0},
	0x55: {"vandnpd", fXEHG, 0},
	0x56: {"vorpd", fXEHG, 0},
	0x57: {"vxorpd", fXEHG, 0},

	0x6F: {"vmovdqa", fXEG, width32},

	0x7F: {"vmovdqa", fXGE, width32},

	0xDB: {"vpand", fXEHG, dq},
	0xDF: {"vpandn", fXEHG, dq},

	0xEB: {"vpor", fXEHG, dq},
	0xEF: {"vpxor", fXEHG, dq},
}

// evexF0F is both the EVEX F2 0F and the F3 0F map.
var evexF0F = [256]op{
	0x6F: {"vmovdqu", fXEG, width8},

	0x7F: {"vmovdqu", fXGE, width8},
}

// evex660F38 is the EVEX 66 0F 38 map.
var evex660F38 = [256]op{
	0x50: {"vpdpbusd", fXEHG, 0},
	0x51: {"vpdpbusds", fXEHG, 0},
	0x52: {"vpdpwssd", fXEHG, 0},
	0x53: {"vpdpwssds", fXEHG, 0},

	0xCF: {"vgf2p8mulb", fXEHG, 0},

	0xDC: {"vaesenc", fXEHG, 0},
	0xDD: {"vaesenclast", fXEHG, 0},
	0xDE: {"vaesdec", fXEHG, 0},
	0xDF: {"vaesdeclast", fXEHG, 0},
}

// evex660F3A is the EVEX 66 0F 3A map.
var evex660F3A = [256]op{
	0x44: {"vpclmulqdq", fXIEHG, 0},

	0xCE: {"vgf2p8affineqb", fXIEHG, 0},
	0xCF: {"vgf2p8affineinvqb", fXIEHG, 0},
}
