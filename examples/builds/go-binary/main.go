package main

import "os"

var version = "dev"

func greeting(name string) string { return "hello " + name + ", this is " + version }

func main() { os.Stdout.WriteString(greeting("conveyor") + "\n") }
