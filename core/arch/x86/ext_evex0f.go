package x86

// evexTable0F is EVEX 0F. parseVectorTable describes the lines.
const evexTable0F = `
evex 1 -
10 - vmovups Ex,Gx fv
11 - vmovups Gx,Ex fv
12 0 vmovhlps Ex,Hx,Gx L0 reg
12 - vmovlps Ex,Hx,Gx L0 mem n8
13 0 vmovlps Gx,Ex L0 mem n8
14 0 vunpcklps Ex,Hx,Gx fv b4
15 0 vunpckhps Ex,Hx,Gx fv b4
16 0 vmovlhps Ex,Hx,Gx L0 reg
16 - vmovhps Ex,Hx,Gx L0 mem n8
17 0 vmovhps Gx,Ex L0 mem n8
28 0 vmovaps Ex,Gx fv b4
29 0 vmovaps Gx,Ex fv
2b 0 vmovntps Gx,Ex mem fv b4
2e - vucomiss Eo,Go n4 sae
2f - vcomiss Eo,Go n4 sae
51 - vsqrtps Ex,Gx fv b4 er
54 0 vandps Ex,Hx,Gx fv b4
55 0 vandnps Ex,Hx,Gx fv b4
56 0 vorps Ex,Hx,Gx fv b4
57 0 vxorps Ex,Hx,Gx fv b4
58 - vaddps Ex,Hx,Gx fv b4 er
59 - vmulps Ex,Hx,Gx fv b4 er
5a 0 vcvtps2pd Eh,Gx hv b4 sae
5b 0 vcvtdq2ps Ex,Gx fv b4 er
5b 1 vcvtqq2ps Ex,Gh fv b8 er xy
5c - vsubps Ex,Hx,Gx fv b4 er
5d - vminps Ex,Hx,Gx fv b4 sae
5e - vdivps Ex,Hx,Gx fv b4 er
5f - vmaxps Ex,Hx,Gx fv b4 sae
78 0 vcvttps2udq Ex,Gx fv b4 sae
78 1 vcvttpd2udq Ex,Gh fv b8 sae xy
79 0 vcvtps2udq Ex,Gx fv b4 er
79 1 vcvtpd2udq Ex,Gh fv b8 er xy
c2 0 vcmpps I,Ex,Hx,Gk fv b4 sae
c6 0 vshufps I,Ex,Hx,Gx fv b4

evex 1 66
10 - vmovupd Ex,Gx fv
11 - vmovupd Gx,Ex fv
12 - vmovlpd Ex,Hx,Gx L0 mem n8
13 1 vmovlpd Gx,Ex L0 mem n8
14 1 vunpcklpd Ex,Hx,Gx fv b8
15 1 vunpckhpd Ex,Hx,Gx fv b8
16 - vmovhpd Ex,Hx,Gx L0 mem n8
17 1 vmovhpd Gx,Ex L0 mem n8
28 1 vmovapd Ex,Gx fv b8
29 1 vmovapd Gx,Ex fv
2b 1 vmovntpd Gx,Ex mem fv b8
2e - vucomisd Eo,Go n8 sae
2f - vcomisd Eo,Go n8 sae
51 - vsqrtpd Ex,Gx fv b8 er
54 1 vandpd Ex,Hx,Gx fv b8
55 1 vandnpd Ex,Hx,Gx fv b8
56 1 vorpd Ex,Hx,Gx fv b8
57 1 vxorpd Ex,Hx,Gx fv b8
58 - vaddpd Ex,Hx,Gx fv b8 er
59 - vmulpd Ex,Hx,Gx fv b8 er
5a 1 vcvtpd2ps Ex,Gh fv b8 er xy
5b 0 vcvtps2dq Ex,Gx fv b4 er
5c - vsubpd Ex,Hx,Gx fv b8 er
5d - vminpd Ex,Hx,Gx fv b8 sae
5e - vdivpd Ex,Hx,Gx fv b8 er
5f - vmaxpd Ex,Hx,Gx fv b8 sae
60 - vpunpcklbw Ex,Hx,Gx fv
61 - vpunpcklwd Ex,Hx,Gx fv
62 0 vpunpckldq Ex,Hx,Gx fv b4
63 - vpacksswb Ex,Hx,Gx fv
64 - vpcmpgtb Ex,Hx,Gk fv
65 - vpcmpgtw Ex,Hx,Gk fv
66 0 vpcmpgtd Ex,Hx,Gk fv b4
67 - vpackuswb Ex,Hx,Gx fv
68 - vpunpckhbw Ex,Hx,Gx fv
69 - vpunpckhwd Ex,Hx,Gx fv
6a 0 vpunpckhdq Ex,Hx,Gx fv b4
6b 0 vpackssdw Ex,Hx,Gx fv b4
6c 1 vpunpcklqdq Ex,Hx,Gx fv b8
6d 1 vpunpckhqdq Ex,Hx,Gx fv b8
6e 0 vmovd Ed,Gx L0 n4
6e 1 vmovq Eq,Gx L0 n8
6f 0 vmovdqa32 Ex,Gx fv
6f 1 vmovdqa64 Ex,Gx fv
70 0 vpshufd I,Ex,Gx fv b4
71/2 - vpsrlw I,Ex,Hx fv
71/4 - vpsraw I,Ex,Hx fv
71/6 - vpsllw I,Ex,Hx fv
72/0 0 vprord I,Ex,Hx fv b4
72/0 1 vprorq I,Ex,Hx fv b8
72/1 0 vprold I,Ex,Hx fv b4
72/1 1 vprolq I,Ex,Hx fv b8
72/2 0 vpsrld I,Ex,Hx fv b4
72/4 0 vpsrad I,Ex,Hx fv b4
72/4 1 vpsraq I,Ex,Hx fv b8
72/6 0 vpslld I,Ex,Hx fv b4
73/2 1 vpsrlq I,Ex,Hx fv
73/3 - vpsrldq I,Ex,Hx fv
73/6 1 vpsllq I,Ex,Hx fv
73/7 - vpslldq I,Ex,Hx fv
74 - vpcmpeqb Ex,Hx,Gk fv
75 - vpcmpeqw Ex,Hx,Gk fv
76 0 vpcmpeqd Ex,Hx,Gk fv b4
78 0 vcvttps2uqq Eh,Gx hv b4 sae
78 1 vcvttpd2uqq Ex,Gx fv b8 sae
79 0 vcvtps2uqq Eh,Gx hv b4 er
79 1 vcvtpd2uqq Ex,Gx fv b8 er
7a 0 vcvttps2qq Eh,Gx hv b4 sae
7a 1 vcvttpd2qq Ex,Gx fv b8 sae
7b 0 vcvtps2qq Eh,Gx hv b4 er
7b 1 vcvtpd2qq Ex,Gx fv b8 er
7e 0 vmovd Gx,Ed L0 n4
7e 1 vmovq Gx,Eq L0 n8
7f 0 vmovdqa32 Gx,Ex fv
7f 1 vmovdqa64 Gx,Ex fv
c2 1 vcmppd I,Ex,Hx,Gk fv b8 sae
c4 - vpinsrw I,Ed,Hx,Gx L0 n2
c5 - vpextrw I,Ex,Gd L0 reg
c6 1 vshufpd I,Ex,Hx,Gx fv b8
d1 - vpsrlw Eo,Hx,Gx n16
d2 0 vpsrld Eo,Hx,Gx n16
d3 1 vpsrlq Eo,Hx,Gx n16
d4 1 vpaddq Ex,Hx,Gx fv b8
d5 - vpmullw Ex,Hx,Gx fv
d6 1 vmovq Gx,Ex L0 n8
d8 - vpsubusb Ex,Hx,Gx fv
d9 - vpsubusw Ex,Hx,Gx fv
da - vpminub Ex,Hx,Gx fv
db 0 vpandd Ex,Hx,Gx fv b4
db 1 vpandq Ex,Hx,Gx fv b8
dc - vpaddusb Ex,Hx,Gx fv
dd - vpaddusw Ex,Hx,Gx fv
de - vpmaxub Ex,Hx,Gx fv
df 0 vpandnd Ex,Hx,Gx fv b4
df 1 vpandnq Ex,Hx,Gx fv b8
e0 - vpavgb Ex,Hx,Gx fv
e1 - vpsraw Eo,Hx,Gx n16
e2 0 vpsrad Eo,Hx,Gx n16
e2 1 vpsraq Eo,Hx,Gx n16
e3 - vpavgw Ex,Hx,Gx fv
e4 - vpmulhuw Ex,Hx,Gx fv
e5 - vpmulhw Ex,Hx,Gx fv
e6 1 vcvttpd2dq Ex,Gh fv b8 sae xy
e7 0 vmovntdq Gx,Ex fv
e8 - vpsubsb Ex,Hx,Gx fv
e9 - vpsubsw Ex,Hx,Gx fv
ea - vpminsw Ex,Hx,Gx fv
eb 0 vpord Ex,Hx,Gx fv b4
eb 1 vporq Ex,Hx,Gx fv b8
ec - vpaddsb Ex,Hx,Gx fv
ed - vpaddsw Ex,Hx,Gx fv
ee - vpmaxsw Ex,Hx,Gx fv
ef 0 vpxord Ex,Hx,Gx fv b4
ef 1 vpxorq Ex,Hx,Gx fv b8
f1 - vpsllw Eo,Hx,Gx n16
f2 0 vpslld Eo,Hx,Gx n16
f3 1 vpsllq Eo,Hx,Gx n16
f4 1 vpmuludq Ex,Hx,Gx fv b8
f5 - vpmaddwd Ex,Hx,Gx fv
f6 - vpsadbw Ex,Hx,Gx fv
f8 - vpsubb Ex,Hx,Gx fv
f9 - vpsubw Ex,Hx,Gx fv
fa 0 vpsubd Ex,Hx,Gx fv b4
fb 1 vpsubq Ex,Hx,Gx fv b8
fc - vpaddb Ex,Hx,Gx fv
fd - vpaddw Ex,Hx,Gx fv
fe 0 vpaddd Ex,Hx,Gx fv b4

evex 1 F3
10 0 vmovss Eo,Ho,Go reg
10 0 vmovss Eo,Go mem n4
11 0 vmovss Go,Ho,Eo reg
11 0 vmovss Go,Eo mem n4
12 0 vmovsldup Ex,Gx fv
16 0 vmovshdup Ex,Gx fv
2a 0 vcvtsi2ss Ed,Ho,Go reg er
2a 0 vcvtsi2ssl Ex,Ho,Go mem n4
2a 1 vcvtsi2ss Eq,Ho,Go reg er
2a 1 vcvtsi2ssq Ex,Ho,Go mem n8
2c 0 vcvttss2si Eo,Gd n4 sae
2c 1 vcvttss2si Eo,Gq n4 sae
2d 0 vcvtss2si Eo,Gd n4 er
2d 1 vcvtss2si Eo,Gq n4 er
51 0 vsqrtss Eo,Ho,Go n4 er
58 0 vaddss Eo,Ho,Go n4 er
59 0 vmulss Eo,Ho,Go n4 er
5a 0 vcvtss2sd Eo,Ho,Go n4 sae
5b 0 vcvttps2dq Ex,Gx fv b4 sae
5c 0 vsubss Eo,Ho,Go n4 er
5d 0 vminss Eo,Ho,Go n4 sae
5e 0 vdivss Eo,Ho,Go n4 er
5f 0 vmaxss Eo,Ho,Go n4 sae
6f 0 vmovdqu32 Ex,Gx fv
6f 1 vmovdqu64 Ex,Gx fv
70 - vpshufhw I,Ex,Gx fv
78 0 vcvttss2usi Eo,Gd n4 sae
78 1 vcvttss2usi Eo,Gq n4 sae
79 0 vcvtss2usi Eo,Gd n4 er
79 1 vcvtss2usi Eo,Gq n4 er
7a 0 vcvtudq2pd Eh,Gx hv b4
7a 1 vcvtuqq2pd Ex,Gx fv b8 er
7b 0 vcvtusi2ss Ed,Ho,Go reg er
7b 0 vcvtusi2ssl Ex,Ho,Go mem n4
7b 1 vcvtusi2ss Eq,Ho,Go reg er
7b 1 vcvtusi2ssq Ex,Ho,Go mem n8
7e 1 vmovq Ex,Gx L0 n8
7f 0 vmovdqu32 Gx,Ex fv
7f 1 vmovdqu64 Gx,Ex fv
c2 0 vcmpss I,Eo,Ho,Gk n4 sae
e6 0 vcvtdq2pd Eh,Gx hv b4
e6 1 vcvtqq2pd Ex,Gx fv b8 er

evex 1 F2
10 1 vmovsd Eo,Ho,Go reg
10 1 vmovsd Eo,Go mem n8
11 1 vmovsd Go,Ho,Eo reg
11 1 vmovsd Go,Eo mem n8
12 1 vmovddup Ex,Gx dup
2a 0 vcvtsi2sd Ed,Ho,Go reg
2a 0 vcvtsi2sdl Ex,Ho,Go mem n4
2a 1 vcvtsi2sd Eq,Ho,Go reg er
2a 1 vcvtsi2sdq Ex,Ho,Go mem n8
2c 0 vcvttsd2si Eo,Gd n8 sae
2c 1 vcvttsd2si Eo,Gq n8 sae
2d 0 vcvtsd2si Eo,Gd n8 er
2d 1 vcvtsd2si Eo,Gq n8 er
51 1 vsqrtsd Eo,Ho,Go n8 er
58 1 vaddsd Eo,Ho,Go n8 er
59 1 vmulsd Eo,Ho,Go n8 er
5a 1 vcvtsd2ss Eo,Ho,Go n8 er
5c 1 vsubsd Eo,Ho,Go n8 er
5d 1 vminsd Eo,Ho,Go n8 sae
5e 1 vdivsd Eo,Ho,Go n8 er
5f 1 vmaxsd Eo,Ho,Go n8 sae
6f 0 vmovdqu8 Ex,Gx fv b4
6f 1 vmovdqu16 Ex,Gx fv b8
70 - vpshuflw I,Ex,Gx fv
78 0 vcvttsd2usi Eo,Gd n8 sae
78 1 vcvttsd2usi Eo,Gq n8 sae
79 0 vcvtsd2usi Eo,Gd n8 er
79 1 vcvtsd2usi Eo,Gq n8 er
7a 0 vcvtudq2ps Ex,Gx fv b4 er
7a 1 vcvtuqq2ps Ex,Gh fv b8 er xy
7b 0 vcvtusi2sd Ed,Ho,Go reg
7b 0 vcvtusi2sdl Ex,Ho,Go mem n4
7b 1 vcvtusi2sd Eq,Ho,Go reg er
7b 1 vcvtusi2sdq Ex,Ho,Go mem n8
7f 0 vmovdqu8 Gx,Ex fv
7f 1 vmovdqu16 Gx,Ex fv
c2 1 vcmpsd I,Eo,Ho,Gk n8 sae
e6 1 vcvtpd2dq Ex,Gh fv b8 er xy
`
