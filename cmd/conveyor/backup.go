package main

import "github.com/spf13/cobra"

func backupCommand() *cobra.Command { return &cobra.Command{Use: "backup"} }
