package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"anywatch/cmd/internal/report"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rpki"
	"anywatch/rpki/compliance"
	"anywatch/rules"
)

// rpkiName is the report at …/reports/rpki?announce=PREFIX=ORIGIN@SITE.
const rpkiName = "rpki"

// wireBasis is what a daemon's report is made of, so that others can judge by it what is only planned. Of the VRPs it has those that say
// something about the prefixes in it.
type wireBasis struct {
	ASNs    []route.ASN               `json:"asns"`
	Sites   []string                  `json:"sites"`
	Watched []compliance.Watched      `json:"watched"`
	Seen    []compliance.Announcement `json:"seen"`
	Time    time.Time                 `json:"time"`
	Warn    float64                   `json:"roa_expiry_warning_seconds"`
	// Holds counts all that is in force, InForce is what of it matters here, Whole the same before exceptions.
	Holds   wireCounts      `json:"holds"`
	InForce wireVRPs        `json:"in_force"`
	Whole   wireVRPs        `json:"before_exceptions"`
	SLURM   json.RawMessage `json:"slurm"` // the exceptions in force; null for none
}

type wireCounts struct {
	VRPs  int `json:"vrps"`
	ASPAs int `json:"aspas"`
}

type wireVRPs struct {
	ROAs  []wireVRP  `json:"roas"`
	ASPAs []wireASPA `json:"aspas"`
}

type wireVRP struct {
	Prefix    netip.Prefix `json:"prefix"`
	MaxLength uint8        `json:"maxLength"`
	ASN       route.ASN    `json:"asn"`
	TA        string       `json:"ta"`
	Expires   *time.Time   `json:"expires"`
}

type wireASPA struct {
	Customer  route.ASN   `json:"customer"`
	Providers []route.ASN `json:"providers"`
	Expires   *time.Time  `json:"expires"`
}

// serveRPKI answers with the report, and with what it is made of.
func (d *Daemon) serveRPKI(w http.ResponseWriter, r *http.Request) {
	q := RPKIReport{}
	for _, text := range r.URL.Query()["announce"] {
		a, err := ParsePlanned(text)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		q.Planned = append(q.Planned, a)
	}
	doc, err := d.rpkiReport(q)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	var b bytes.Buffer
	if err := doc.Write(&b, "json"); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b.Bytes()) // who went away doesn't want it
}

// rpkiReport takes from the engine what it knows, and judges that outside of it: the engine has other things to do.
func (d *Daemon) rpkiReport(q RPKIReport) (report.Document, error) {
	var set *rules.Set
	var t *rpki.Table
	var shown []detector.Shown
	b := rpkiBasis{}
	d.owner.ask(func(e *detector.Engine) {
		set, t = e.Basis()
		shown, b.from, b.to = e.Snapshot(), e.Began(), e.Clock()
	})
	if set == nil {
		return report.Document{}, fmt.Errorf("the daemon is stopping")
	}
	c := d.configuration()
	b.sites = siteNames(c)
	b.in = complianceInput(set, t, c.RPKI.ROAExpiryWarning, d.now())
	b.in.Seen, b.in.Looked = seenNow(set, shown), true
	b.whole, b.sources = t.Unfiltered(), reportSources(t)
	doc, err := q.make(b)
	if err == nil {
		report.SetBasis(&doc, d.toWire(b, q.Planned))
	}
	return doc, err
}

// toWire puts down a basis for others.
func (d *Daemon) toWire(b rpkiBasis, planned []compliance.Announcement) wireBasis {
	in := b.in
	in.Planned = planned
	out := wireBasis{
		ASNs: in.Ours, Sites: b.sites, Watched: in.Watched, Seen: in.Seen, Time: in.Now.UTC(), Warn: in.Warn.Seconds(),
		Holds: wireCounts{in.VRPs, in.ASPAs}, InForce: toWireVRPs(in.Table, in), Whole: toWireVRPs(rpki.Build(time.Time{}, nil, rpki.Source{Set: b.whole}), in),
	}
	if f := d.configuration().RPKI.SLURM; !f.IsZero() {
		if text, err := os.ReadFile(f.Path); err == nil && json.Valid(text) {
			out.SLURM = text
		}
	}
	return out
}

func toWireVRPs(t *rpki.Table, in compliance.Input) wireVRPs {
	out := wireVRPs{ROAs: []wireVRP{}, ASPAs: []wireASPA{}}
	for _, v := range compliance.Relevant(t, in.Nets()) {
		out.ROAs = append(out.ROAs, wireVRP{v.Prefix, v.MaxLength, v.ASN, v.TA, report.Time(v.Expires)})
	}
	for _, asn := range in.Holders() {
		if a, ok := t.Set().ASPA(asn); ok {
			out.ASPAs = append(out.ASPAs, wireASPA{a.Customer, a.Providers, report.Time(a.Expires)})
		}
	}
	return out
}

// set reads VRPs back.
func (v wireVRPs) set() (*rpki.Set, error) {
	var vrps []rpki.VRP
	var aspas []rpki.ASPA
	for _, r := range v.ROAs {
		vrps = append(vrps, rpki.VRP{Prefix: r.Prefix, MaxLength: r.MaxLength, ASN: r.ASN, TA: r.TA, Expires: orZero(r.Expires)})
	}
	for _, a := range v.ASPAs {
		aspas = append(aspas, rpki.ASPA{Customer: a.Customer, Providers: a.Providers, Expires: orZero(a.Expires)})
	}
	return rpki.NewSet(vrps, aspas)
}

// askBasis asks a daemon for what a report is made of.
func askBasis(ctx context.Context, daemon string, planned []compliance.Announcement) (b rpkiBasis, err error) {
	query := url.Values{}
	for _, a := range planned {
		text := a.Prefix.String() + "=" + a.Origin.String()
		if a.Site != "" {
			text += "@" + a.Site
		}
		query.Add("announce", text)
	}
	var got struct {
		From, To time.Time
		Sources  []report.RPKISource
		Basis    *wireBasis
	}
	if err := askJSON(ctx, daemon, reportsPath+rpkiName, query, &got); err != nil {
		return b, err
	}
	if got.Basis == nil {
		return b, fmt.Errorf("the daemon at %s: its answer does not say what the report is made of; is it a daemon of this version?", redacted(daemon))
	}
	b = rpkiBasis{sites: got.Basis.Sites, sources: got.Sources, from: got.From, to: got.To}
	if err := got.Basis.into(&b); err != nil {
		return b, fmt.Errorf("the daemon at %s: its answer can't be used: %w", redacted(daemon), err)
	}
	return b, nil
}

// into reads back what toWire put down.
func (w *wireBasis) into(b *rpkiBasis) error {
	force, err := w.InForce.set()
	if err != nil {
		return err
	}
	if b.whole, err = w.Whole.set(); err != nil {
		return err
	}
	if len(w.SLURM) > 0 && string(w.SLURM) != "null" {
		if b.slurm, err = rpki.ParseSLURM(w.SLURM); err != nil {
			return err
		}
	}
	b.in = compliance.Input{
		Ours: w.ASNs, Watched: w.Watched, Seen: w.Seen, Looked: true, VRPs: w.Holds.VRPs, ASPAs: w.Holds.ASPAs,
		Table: rpki.Build(time.Time{}, nil, rpki.Source{Set: force}), Now: w.Time, Warn: time.Duration(w.Warn * float64(time.Second)),
	}
	return nil
}
