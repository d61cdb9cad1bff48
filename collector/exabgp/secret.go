package exabgp

import (
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Names gives each command the name of its feed: that of its program, and a number behind it where several run the same one.
// Nothing else of a command is part of its name.
func Names(commands []string) []string {
	names, seen := make([]string, len(commands)), make(map[string]int)
	for i, c := range commands {
		n := program(c)
		if seen[n]++; seen[n] > 1 {
			n += "-" + strconv.Itoa(seen[n])
		}
		names[i] = n
	}
	return names
}

// program finds the program that a command runs, behind variables that are set for it. What doesn't look like a program is "command".
func program(command string) string {
	word := regexp.MustCompile(`^[A-Za-z0-9._/+-]{1,100}$`)
	for _, w := range strings.Fields(command) {
		if strings.Contains(w, "=") || w == "exec" || w == "sudo" {
			continue
		}
		if base := path.Base(w); word.MatchString(w) && base != "/" && base != "." {
			return base
		}
		break
	}
	return "command"
}

// hider gives a function that strikes out of a text what looks like a secret in a command: what follows a word such as password, token or key, and
// the password in a URL. The whole command is struck out too, as "sh -x" would say it.
func hider(command string) func(string) string {
	finder := regexp.MustCompile(`(?i)(?:pass(?:word|wd|phrase)?|secret|token|(?:api-?_?)?key|auth[a-z]*|bearer|credentials?)["']?(?:\s*[=:]\s*|\s+)(?:"([^"]+)"|'([^']+)'|([^\s"',;|&]+))|://[^\s/:@]*:([^\s/@]+)@`)
	hide := []string{strings.TrimSpace(command), "(the command)"}
	for _, found := range finder.FindAllStringSubmatch(command, -1) {
		for _, secret := range found[1:] {
			if secret != "" {
				hide = append(hide, secret, "(hidden)")
			}
		}
	}
	return strings.NewReplacer(hide...).Replace
}
