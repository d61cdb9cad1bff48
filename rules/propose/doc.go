// Package propose writes a first configuration from what was seen: the prefixes that our ASes originate, who stands next to us, the sites that the
// paths inside our network tell apart.
//
// It proposes and decides nothing. What is certain enough stands in the text; what is in doubt stands there as a comment, with what was seen and with
// what to do when it is right. Nobody becomes an allowed origin here but the ASes that were named as ours: who announces our prefixes besides us may
// be a scrubbing centre or a hijacker, and routes don't tell which.
//
//	seen.go       what comes in
//	survey.go     the same by prefix: who originates it, who shows it, who stands next to the origin
//	sites.go      the paths inside, clustered
//	sort.go       which prefixes are proposed, which are parts of others, which are in doubt
//	write.go      the text, section by section (write_prefix.go a prefix, page.go its lines)
package propose
