// Package collector is where routes come from. A Source reads one feed (BGP sessions, BMP routers, archive files, RIS Live), screens it, and
// hands on Events in the order in which its sessions brought them. Every route is seen from a Vantage.
//
// What all sources share is here: the words, the door that counts, screens and decodes (Intake), the bounded queue, and the supervisor that
// restarts a source that failed. Each way of receiving is a subfolder; they do not know each other.
package collector
