package main

import "os"

func main() { os.Stdout.WriteString("api\n") }
