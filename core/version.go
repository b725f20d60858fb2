package core

// Version is the program's version.
const Version = "0.1.0"

// MDBVersion is the version of the language and module interface that xmdb
// follows: what MDB's ::version says.
const MDBVersion = "1.1"
