package alerts

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// requestTimeout bounds one request of a sink, from the connection to the end of the answer.
const requestTimeout = 10 * time.Second

// drainLimit is how much of an answer is read, so that the connection can be used again.
const drainLimit = 64 << 10

// NewHTTPClient makes the client of a sink: bounded in time, and it does not follow redirects, which could carry a notification to somebody
// else.
func NewHTTPClient() *http.Client {
	return &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CheckURL reads the address of a sink. The error does not show the address: it may be a secret.
func CheckURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the URL is not an http or https address with a host; write it as https://host/path")
	}
	return u, nil
}

// Endpoint gives of an address what may be shown: scheme and host. User, path and query may be secrets.
func Endpoint(u *url.URL) string { return u.Scheme + "://" + u.Host }

// Send sends a request of a sink and judges the answer: 2xx is delivered; 408, 425, 429 and 5xx are worth another try, after Retry-After if
// the answer has it (RFC 9110 section 10.2.3); the rest is Permanent. The error shows of the address only scheme and host, and nothing of
// the answer but its status, because an answer may repeat what was sent.
func Send(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, Endpoint(req.URL), Cause(err))
	}
	defer resp.Body.Close()
	// The answer is read to its end only so that the connection stays usable; whether that succeeds does not matter.
	_, _ = io.CopyN(io.Discard, resp.Body, drainLimit)
	return JudgeStatus(resp, fmt.Sprintf("%s %s", req.Method, Endpoint(req.URL)))
}

// Cause takes the address off an error of the HTTP client, which prints it whole.
func Cause(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// JudgeStatus judges an answer by its status; what says what was asked, for the error. Nil for 2xx.
func JudgeStatus(resp *http.Response, what string) error {
	code := resp.StatusCode
	status := fmt.Sprintf("%d %s", code, http.StatusText(code))
	switch {
	case code >= 200 && code <= 299:
		return nil
	case code >= 300 && code <= 399:
		return Permanent(fmt.Errorf("%s: answered %s; redirects are not followed, give the address that it redirects to", what, status))
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return RetryAfter(fmt.Errorf("%s: answered %s", what, status), retryAfter(resp.Header))
	}
	return Permanent(fmt.Errorf("%s: refused with %s; check the address, the secret and what the receiver expects", what, status))
}

// retryAfter reads how long to wait: "a number of seconds to delay", or a date (RFC 9110 section 10.2.3), which counts from the answer's own
// Date, so that clocks need not agree.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), int(retryAfterLimit/time.Second))) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	from, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(until.Sub(from), 0)
}
