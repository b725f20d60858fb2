// Command xmdb is the Modular Debugger for every host.
package main

import "github.com/xmdb/xmdb/cmd/app"

func main() { app.Main() }
