package alerts_test

import (
	"testing"

	"anywatch/alerts"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"AS64500 announces 192.0.2.0/24; „dns-a“": "AS64500 announces 192.0.2.0/24; „dns-a“",
		"two\nlines\r\tand a tab":                 "two�lines��and a tab",
		"\x1b[2Jgone":                             "�[2Jgone",
		"right\u202eto left":                      "right�to left",
		"csi \u009b31m, del \x7f":                 "csi �31m, del �",
		"bad \xff\xfe bytes":                      "bad � bytes",
		"line\u2028separator":                     "line�separator",
	} {
		if got := alerts.Printable(text); got != want {
			t.Errorf("Printable(%q) = %q; want %q", text, got, want)
		}
	}
}
