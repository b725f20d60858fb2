package x86

// vex660F38 is the VEX 66 0F 38 map.
var vex660F38 = [256]op{
	0x00: {"vpshufb", fVEHG, 0},
	0x01: {"vphaddw", fVEHG, 0},
	0x02: {"vphaddd", fVEHG, 0},
	0x03: {"vphaddsw", fVEHG, 0},
	0x04: {"vpmaddubsw", fVEHG, 0},
	0x05: {"vphsubw", fVEHG, 0},
	0x06: {"vphsubd", fVEHG, 0},
	0x07: {"vphsubsw", fVEHG, 0},
	0x08: {"vpsignb", fVEHG, 0},
	0x09: {"vpsignw", fVEHG, 0},
	0x0A: {"vpsignd", fVEHG, 0},
	0x0B: {"vpmulhrsw", fVEHG, 0},
	0x0C: {"vpermilps", fVEHG, 0},
	0x0D: {"vpermilpd", fVEHG, 0},
	0x0E: {"vtestps", fVEG, 0},
	0x0F: {"vtestpd", fVEG, 0},

	0x13: {"vcvtph2ps", fVEoG, 0},
	0x16: {"vpermps", fVEHG, 0},
	0x17: {"vptest", fVEG, 0},
	0x18: {"vbroadcastss", fVEoG, 0},
	0x19: {"vbroadcastsd", fVEoG, 0},
	0x1A: {"vbroadcastf128", fVEG, 0},
	0x1C: {"vpabsb", fVEG, 0},
	0x1D: {"vpabsw", fVEG, 0},
	0x1E: {"vpabsd", fVEG, 0},

	0x20: {"vpmovsxbw", fVEG, 0},
	0x21: {"vpmovsxbd", fVEG, 0},
	0x22: {"vpmovsxbq", fVEG, 0},
	0x23: {"vpmovsxwd", fVEG, 0},
	0x24: {"vpmovsxwq", fVEG, 0},
	0x25: {"vpmovsxdq", fVEG, 0},
	0x28: {"vpmuldq", fVEHG, 0},
	0x29: {"vpcmpeqq", fVEHG, 0},
	0x2A: {"vmovntdqa", fVEG, 0},
	0x2B: {"vpackusdw", fVEHG, 0},
	0x2C: {"vmaskmovps", fVEHG, 0},
	0x2D: {"vmaskmovpd", fVEHG, 0},
	0x2E: {"vmaskmovps", fVGHE, 0},
	0x2F: {"vmaskmovpd", fVGHE, 0},

	0x30: {"vpmovzxbw", fVEG, 0},
	0x31: {"vpmovzxbd", fVEG, 0},
	0x32: {"vpmovzxbq", fVEG, 0},
	0x33: {"vpmovzxwd", fVEG, 0},
	0x34: {"vpmovzxwq", fVEG, 0},
	0x35: {"vpmovzxdq", fVEG, 0},
	0x36: {"vpermd", fVEHG, 0},
	0x37: {"vpcmpgtq", fVEHG, 0},
	0x38: {"vpminsb", fVEHG, 0},
	0x39: {"vpminsd", fVEHG, 0},
	0x3A: {"vpminuw", fVEHG, 0},
	0x3B: {"vpminud", fVEHG, 0},
	0x3C: {"vpmaxsb", fVEHG, 0},
	0x3D: {"vpmaxsd", fVEHG, 0},
	0x3E: {"vpmaxuw", fVEHG, 0},
	0x3F: {"vpmaxud", fVEHG, 0},

	0x40: {"vpmulld", fVEHG, 0},
	0x41: {"vphminposuw", fVEG, 0},
	0x45: {"vpsrlv", fVEHG, dq},
	0x46: {"vpsravd", fVEHG, 0},
	0x47: {"vpsllv", fVEHG, dq},

	0x58: {"vpbroadcastd", fVEoG, 0},
	0x59: {"vpbroadcastq", fVEoG, 0},
	0x5A: {"vbroadcasti128", fVEG, 0},

	0x78: {"vpbroadcastb", fVEoG, 0},
	0x79: {"vpbroadcastw", fVEoG, 0},

	0x8C: {"vpmaskmov", fVEHG, dq},
	0x8E: {"vpmaskmov", fVGHE, dq},

	0x90: {"vpgatherd", fVGather, 0},
	0x91: {"vpgatherq", fVGather, 0},
	0x92: {"vgatherdp", fVGather, 0},
	0x93: {"vgatherqp", fVGather, 0},
	0x96: {"vfmaddsub132p", fVEHG, fma},
	0x97: {"vfmsubadd132p", fVEHG, fma},
	0x98: {"vfmadd132p", fVEHG, fma},
	0x99: {"vfmadd132s", fVEHG, fma},
	0x9A: {"vfmsub132p", fVEHG, fma},
	0x9B: {"vfmsub132s", fVEHG, fma},
	0x9C: {"vfnmadd132p", fVEHG, fma},
	0x9D: {"vfnmadd132s", fVEHG, fma},
	0x9E: {"vfnmsub132p", fVEHG, fma},
	0x9F: {"vfnmsub132s", fVEHG, fma},

	0xA6: {"vfmaddsub213p", fVEHG, fma},
	0xA7: {"vfmsubadd213p", fVEHG, fma},
	0xA8: {"vfmadd213p", fVEHG, fma},
	0xA9: {"vfmadd213s", fVEHG, fma},
	0xAA: {"vfmsub213p", fVEHG, fma},
	0xAB: {"vfmsub213s", fVEHG, fma},
	0xAC: {"vfnmadd213p", fVEHG, fma},
	0xAD: {"vfnmadd213s", fVEHG, fma},
	0xAE: {"vfnmsub213p", fVEHG, fma},
	0xAF: {"vfnmsub213s", fVEHG, fma},

	0xB6: {"vfmaddsub231p", fVEHG, fma},
	0xB7: {"vfmsubadd231p", fVEHG, fma},
	0xB8: {"vfmadd231p", fVEHG, fma},
	0xB9: {"vfmadd231s", fVEHG, fma},
	0xBA: {"vfmsub231p", fVEHG, fma},
	0xBB: {"vfmsub231s", fVEHG, fma},
	0xBC: {"vfnmadd231p", fVEHG, fma},
	0xBD: {"vfnmadd231s", fVEHG, fma},
	0xBE: {"vfnmsub231p", fVEHG, fma},
	0xBF: {"vfnmsub231s", fVEHG, fma},

	0xCF: {"vgf2p8mulb", fVEHG, 0},

	0xDB: {"vaesimc", fVEG, 0},
	0xDC: {"vaesenc", fVEHG, 0},
	0xDD: {"vaesenclast", fVEHG, 0},
	0xDE: {"vaesdec", fVEHG, 0},
	0xDF: {"vaesdeclast", fVEHG, 0},

	0xF0: {"", fGroup, 0},
	0xF1: {"", fGroup, 0},
	0xF7: {"shlx", fVHEG, gpr},
}

// vex660F3A is the VEX 66 0F 3A map.
var vex660F3A = [256]op{
	0x00: {"vpermq", fVIEG, 0},
	0x01: {"vpermpd", fVIEG, 0},
	0x02: {"vpblendd", fVIEHG, 0},
	0x04: {"vpermilps", fVIEG, 0},
	0x05: {"vpermilpd", fVIEG, 0},
	0x06: {"vperm2f128", fVIEHG, 0},
	0x08: {"vroundps", fVIEG, 0},
	0x09: {"vroundpd", fVIEG, 0},
	0x0A: {"vroundss", fVIEHG, 0},
	0x0B: {"vroundsd", fVIEHG, 0},
	0x0C: {"vblendps", fVIEHG, 0},
	0x0D: {"vblendpd", fVIEHG, 0},
	0x0E: {"vpblendw", fVIEHG, 0},
	0x0F: {"vpalignr", fVIEHG, 0},

	0x14: {"vpextrb", fVIGEv, 0},
	0x15: {"vpextrw", fVIGEv, 0},
	0x16: {"vpextrd", fVIGEv, 0},
	0x17: {"vextractps", fVIGEv, 0},
	0x18: {"vinsertf128", fVIEoHG, 0},
	0x19: {"vextractf128", fVIGEo, 0},
	0x1D: {"vcvtps2ph", fVIGEo, 0},

	0x20: {"vpinsrb", fVIEvHG, 0},
	0x21: {"vinsertps", fVIEHG, 0},
	0x22: {"vpinsrd", fVIEvHG, 0},

	0x30: {"kshiftr", fVIEG, sfx | mask},
	0x31: {"kshiftr", fVIEG, sfx | mask},
	0x32: {"kshiftl", fVIEG, sfx | mask},
	0x33: {"kshiftl", fVIEG, sfx | mask},
	0x38: {"vinserti128", fVIEHG, 0},
	0x39: {"vextracti128", fVIGEo, 0},

	0x40: {"vdpps", fVIEHG, 0},
	0x41: {"vdppd", fVIEHG, 0},
	0x42: {"vmpsadbw", fVIEHG, 0},
	0x44: {"vpclmulqdq", fVIEHG, 0},
	0x46: {"vperm2i128", fVIEHG, 0},
	0x4A: {"vblendvps", fVRegEHG, 0},
	0x4B: {"vblendvpd", fVRegEHG, 0},
	0x4C: {"vpblendvb", fVRegEHG, 0},

	0x60: {"vpcmpestrm", fVIEG, 0},
	0x61: {"vpcmpestri", fVIEG, 0},
	0x62: {"vpcmpistrm", fVIEG, 0},
	0x63: {"vpcmpistri", fVIEG, 0},

	0xCE: {"vgf2p8affineqb", fVIEHG, 0},
	0xCF: {"vgf2p8affineinvqb", fVIEHG, 0},

	0xDF: {"vaeskeygenassist", fVIEG, 0},
}

// vexF20F38 is the VEX F2 0F 38 map.
var vexF20F38 = [256]op{
	0xF5: {"pdep", fVEHG, gpr},
	0xF6: {"mulx", fVEHG, gpr},
	0xF7: {"shrx", fVHEG, gpr},
}

// vexF30F38 is the VEX F3 0F 38 map.
var vexF30F38 = [256]op{
	0xF5: {"pext", fVEHG, gpr},
	0xF7: {"sarx", fVHEG, gpr},
}

// vexF20F3A is the VEX F2 0F 3A map.
var vexF20F3A = [256]op{
	0xF0: {"rorx", fVIEG, gpr},
}
