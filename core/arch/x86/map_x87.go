package x86

// x87Mem are the memory forms of D8 to DF, by opcode and reg field.
var x87Mem = [8][8]op{
	{
		{"fadds", fEv, 0}, {"fmuls", fEv, 0}, {"fcoms", fEv, 0}, {"fcomps", fEv, 0},
		{"fsubs", fEv, 0}, {"fsubrs", fEv, 0}, {"fdivs", fEv, 0}, {"fdivrs", fEv, 0},
	},
	{
		{"flds", fEv, 0}, {}, {"fsts", fEv, 0}, {"fstps", fEv, 0},
		{"fldenv", fEv, 0}, {"fldcw", fEv, 0}, {"fnstenv", fEv, 0}, {"fnstcw", fEv, 0},
	},
	{
		{"fiaddl", fEv, 0}, {"fimull", fEv, 0}, {"ficoml", fEv, 0}, {"ficompl", fEv, 0},
		{"fisubl", fEv, 0}, {"fisubrl", fEv, 0}, {"fidivl", fEv, 0}, {"fidivrl", fEv, 0},
	},
	{
		{"fildl", fEv, 0}, {"tisttpl", fEv, 0}, {"fistl", fEv, 0}, {"fistpl", fEv, 0},
		{}, {"fldt", fEv, 0}, {}, {"fstpt", fEv, 0},
	},
	{
		{"faddl", fEv, 0}, {"fmull", fEv, 0}, {"fcoml", fEv, 0}, {"fcompl", fEv, 0},
		{"fsubl", fEv, 0}, {"fsubrl", fEv, 0}, {"fdivl", fEv, 0}, {"fdivrl", fEv, 0},
	},
	{
		{"fldl", fEv, 0}, {"fisttpll", fEv, 0}, {"fstl", fEv, 0}, {"fstpl", fEv, 0},
		{"frstor", fEv, 0}, {}, {"fnsave", fEv, 0}, {"fnstsw", fEv, 0},
	},
	{
		{"fiadd", fEv, 0}, {"fimul", fEv, 0}, {"ficom", fEv, 0}, {"ficomp", fEv, 0},
		{"fisub", fEv, 0}, {"fisubr", fEv, 0}, {"fidiv", fEv, 0}, {"fidivr", fEv, 0},
	},
	{
		{"fild", fEv, 0}, {"fisttp", fEv, 0}, {"fist", fEv, 0}, {"fistp", fEv, 0},
		{"fbld", fEv, 0}, {"fildll", fEv, 0}, {"fbstp", fEv, 0}, {"fistpll", fEv, 0},
	},
}

// x87Reg are the register forms. In the arithmetic ones bit 2 of the opcode
// says whether %st is the source (DC, DE) or the destination.
var x87Reg = [8][8]op{
	{
		{"fadd", fSTiST, 0}, {"fmul", fSTiST, 0}, {"fcom", fST, 0}, {"fcomp", fST, 0},
		{"fsub", fSTiST, 0}, {"fsubr", fSTiST, 0}, {"fdiv", fSTiST, 0}, {"fdivr", fSTiST, 0},
	},
	{
		{"fld", fST, 0}, {"fxch", fST, 0}, {"fnop", fNo, 0}, {"fstp", fST, 0},
	},
	{
		{"fcmov.b", fSTiST, 0}, {"fcmov.e", fSTiST, 0}, {"fcmov.be", fSTiST, 0}, {"fcmov.u", fSTiST, 0},
		{}, {"fucompp", fNo, 0},
	},
	{
		{"fcmov.nb", fSTiST, 0}, {"fcmov.ne", fSTiST, 0}, {"fcmov.nbe", fSTiST, 0}, {"fcmov.nu", fSTiST, 0},
		{}, {"fucomi", fST, 0}, {"fcomi", fST, 0},
	},
	{
		{"fadd", fSTSTi, 0}, {"fmul", fSTSTi, 0}, {"fcom", fST, 0}, {"fcomp", fST, 0},
		{"fsub", fSTSTi, 0}, {"fsubr", fSTSTi, 0}, {"fdiv", fSTSTi, 0}, {"fdivr", fSTSTi, 0},
	},
	{
		{"ffree", fST, 0}, {"fxch", fST, 0}, {"fst", fST, 0}, {"fstp", fST, 0},
		{"fucom", fST, 0}, {"fucomp", fST, 0},
	},
	{
		{"faddp", fSTSTi, 0}, {"fmulp", fSTSTi, 0}, {"fcomp", fST, 0}, {"fcompp", fNo, 0},
		{"fsubp", fSTSTi, 0}, {"fsubrp", fSTSTi, 0}, {"fdivp", fSTSTi, 0}, {"fdivrp", fSTSTi, 0},
	},
	{
		{"ffreep", fST, 0}, {"fxch", fST, 0}, {"fstp", fST, 0}, {"fstp", fST, 0},
		{"fnstsw", fEv, 0}, {"fucomip", fSTiST, 0}, {"fcomip", fSTiST, 0},
	},
}

// x87D9 are D9 E0 to FF, by bits 3 and 4 of ModRM and the r/m field.
var x87D9 = [4][8]op{
	{
		{"fchs", fNo, 0}, {"fabs", fNo, 0}, {}, {},
		{"ftst", fNo, 0}, {"fxam", fNo, 0}, {"ftstp", fNo, 0},
	},
	{
		{"fld1", fNo, 0}, {"fldl2t", fNo, 0}, {"fldl2e", fNo, 0}, {"fldpi", fNo, 0},
		{"fldlg2", fNo, 0}, {"fldln2", fNo, 0}, {"fldz", fNo, 0},
	},
	{
		{"f2xm1", fNo, 0}, {"fyl2x", fNo, 0}, {"fptan", fNo, 0}, {"fpatan", fNo, 0},
		{"fxtract", fNo, 0}, {"fprem1", fNo, 0}, {"fdecstp", fNo, 0}, {"fincstp", fNo, 0},
	},
	{
		{"fprem", fNo, 0}, {"fyl2xp1", fNo, 0}, {"fsqrt", fNo, 0}, {"fsincos", fNo, 0},
		{"frndint", fNo, 0}, {"fscale", fNo, 0}, {"fsin", fNo, 0}, {"fcos", fNo, 0},
	},
}

// x87DB are DB E0 to E7.
var x87DB = [8]op{
	{"feni", fNo, 0}, {"fdisi", fNo, 0}, {"fnclex", fNo, 0}, {"fninit", fNo, 0},
	{"fsetpm", fNo, 0}, {"frstpm", fNo, 0},
}
