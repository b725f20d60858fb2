package x86

// evexTable0F3A is EVEX 0F 3A. parseVectorTable describes the lines.
const evexTable0F3A = `
evex 3 -
08 0 vrndscaleph I,Ex,Gx fv b2 sae
0a 0 vrndscalesh I,Eo,Ho,Go n2 sae
26 0 vgetmantph I,Ex,Gx fv b2 sae
27 0 vgetmantsh I,Eo,Ho,Go n2 sae
42 0 vdbpsadbw I,Ex,Hx,Gx fv b4
56 0 vreduceph I,Ex,Gx fv b2 sae
57 0 vreducesh I,Eo,Ho,Go n2 sae
66 0 vfpclassph I,Ex,Gk reg
66 0 vfpclassph I,Ex,Gk mem fv b2 xyz
67 0 vfpclasssh I,Eo,Gk n2
70 1 vpshldw I,Ex,Hx,Gx fv b8
72 1 vpshrdw I,Ex,Hx,Gx fv b8
c2 0 vcmpph I,Ex,Hx,Gk fv b2 sae

evex 3 66
00 1 vpermq I,Ex,Gx L12 fv b8
01 1 vpermpd I,Ex,Gx L12 fv b8
03 0 valignd I,Ex,Hx,Gx fv b4
03 1 valignq I,Ex,Hx,Gx fv b8
04 0 vpermilps I,Ex,Gx fv b4
05 1 vpermilpd I,Ex,Gx fv b8
08 0 vrndscaleps I,Ex,Gx fv b4 sae
09 1 vrndscalepd I,Ex,Gx fv b8 sae
0a 0 vrndscaless I,Eo,Ho,Go n4 sae
0b 1 vrndscalesd I,Eo,Ho,Go n8 sae
0f - vpalignr I,Ex,Hx,Gx fv
14 - vpextrb I,Gx,Ed L0 n1
15 - vpextrw I,Gx,Ed L0 n2
16 0 vpextrd I,Gx,Ed L0 n4
16 1 vpextrq I,Gx,Eq L0 n8
17 - vextractps I,Gx,Ed L0 n4
18 0 vinsertf32x4 I,Eo,Hx,Gx L12 n16
18 1 vinsertf64x2 I,Eo,Hx,Gx L12 n16
19 0 vextractf32x4 I,Gx,Eo L12 n16
19 1 vextractf64x2 I,Gx,Eo L12 n16
1a 0 vinsertf32x8 I,Eh,Hx,Gx L2 hv
1a 1 vinsertf64x4 I,Eh,Hx,Gx L2 hv
1b 0 vextractf32x8 I,Gx,Eh L2 hv
1b 1 vextractf64x4 I,Gx,Eh L2 hv
1d 0 vcvtps2ph I,Gx,Eh hv sae
1e 0 vpcmpud I,Ex,Hx,Gk fv b4
1e 1 vpcmpuq I,Ex,Hx,Gk fv b8
1f 0 vpcmpd I,Ex,Hx,Gk fv b4
1f 1 vpcmpq I,Ex,Hx,Gk fv b8
20 - vpinsrb I,Ed,Hx,Gx L0 n1
21 0 vinsertps I,Ex,Hx,Gx L0 n4
22 0 vpinsrd I,Ed,Hx,Gx L0 n4
22 1 vpinsrq I,Eq,Hx,Gx L0 n8
23 0 vshuff32x4 I,Ex,Hx,Gx L12 fv b4
23 1 vshuff64x2 I,Ex,Hx,Gx L12 fv b8
25 0 vpternlogd I,Ex,Hx,Gx fv b4
25 1 vpternlogq I,Ex,Hx,Gx fv b8
26 0 vgetmantps I,Ex,Gx fv b4 sae
26 1 vgetmantpd I,Ex,Gx fv b8 sae
27 0 vgetmantss I,Eo,Ho,Go n4 sae
27 1 vgetmantsd I,Eo,Ho,Go n8 sae
38 0 vinserti32x4 I,Eo,Hx,Gx L12 n16
38 1 vinserti64x2 I,Eo,Hx,Gx L12 n16
39 0 vextracti32x4 I,Gx,Eo L12 n16
39 1 vextracti64x2 I,Gx,Eo L12 n16
3a 0 vinserti32x8 I,Eh,Hx,Gx L2 hv
3a 1 vinserti64x4 I,Eh,Hx,Gx L2 hv
3b 0 vextracti32x8 I,Gx,Eh L2 hv
3b 1 vextracti64x4 I,Gx,Eh L2 hv
3e 0 vpcmpub I,Ex,Hx,Gk fv b4
3e 1 vpcmpuw I,Ex,Hx,Gk fv b8
3f 0 vpcmpb I,Ex,Hx,Gk fv b4
3f 1 vpcmpw I,Ex,Hx,Gk fv b8
42 0 vdbpsadbw I,Ex,Hx,Gx fv b4
43 0 vshufi32x4 I,Ex,Hx,Gx L12 fv b4
43 1 vshufi64x2 I,Ex,Hx,Gx L12 fv b8
44 - vpclmulqdq I,Ex,Hx,Gx fv
50 0 vrangeps I,Ex,Hx,Gx fv b4 sae
50 1 vrangepd I,Ex,Hx,Gx fv b8 sae
51 0 vrangess I,Eo,Ho,Go n4 sae
51 1 vrangesd I,Eo,Ho,Go n8 sae
54 0 vfixupimmps I,Ex,Hx,Gx fv b4 sae
54 1 vfixupimmpd I,Ex,Hx,Gx fv b8 sae
55 0 vfixupimmss I,Eo,Ho,Go n4 sae
55 1 vfixupimmsd I,Eo,Ho,Go n8 sae
56 0 vreduceps I,Ex,Gx fv b4 sae
56 1 vreducepd I,Ex,Gx fv b8 sae
57 0 vreducess I,Eo,Ho,Go n4 sae
57 1 vreducesd I,Eo,Ho,Go n8 sae
66 0 vfpclassps I,Ex,Gk reg
66 0 vfpclassps I,Ex,Gk mem fv b4 xyz
66 1 vfpclasspd I,Ex,Gk reg
66 1 vfpclasspd I,Ex,Gk mem fv b8 xyz
67 0 vfpclassss I,Eo,Gk n4
67 1 vfpclasssd I,Eo,Gk n8
70 1 vpshldw I,Ex,Hx,Gx fv b8
71 0 vpshldd I,Ex,Hx,Gx fv b4
71 1 vpshldq I,Ex,Hx,Gx fv b8
72 1 vpshrdw I,Ex,Hx,Gx fv b8
73 0 vpshrdd I,Ex,Hx,Gx fv b4
73 1 vpshrdq I,Ex,Hx,Gx fv b8
ce 1 vgf2p8affineqb I,Ex,Hx,Gx fv b8
cf 1 vgf2p8affineinvqb I,Ex,Hx,Gx fv b8

evex 3 F3
42 0 vdbpsadbw I,Ex,Hx,Gx fv b4
70 1 vpshldw I,Ex,Hx,Gx fv b8
72 1 vpshrdw I,Ex,Hx,Gx fv b8
c2 0 vcmpsh I,Eo,Ho,Gk n2 sae

evex 3 F2
42 0 vdbpsadbw I,Ex,Hx,Gx fv b4
70 1 vpshldw I,Ex,Hx,Gx fv b8
72 1 vpshrdw I,Ex,Hx,Gx fv b8
`
