package alerts

import (
	"net/url"
	"strings"
)

// Dashboard is the address under which people reach the dashboard, such as https://anywatch.example.net; "" for none.
type Dashboard string

// Incident gives the address of the page about an incident; "" when there is no dashboard.
func (d Dashboard) Incident(id string) string {
	if d == "" {
		return ""
	}
	return strings.TrimSuffix(string(d), "/") + "/incidents/" + url.PathEscape(id)
}
