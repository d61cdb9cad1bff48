package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// The map is equirectangular: a degree is as wide as it is high. It leaves out the poles, where nobody has a site.
const (
	degree   = 2.5 // pixels
	mapNorth = 84.0
	mapSouth = -60.0
	meshes   = 30 // degrees between two lines of the graticule
)

func mapX(lon float64) float64 { return (lon + 180) * degree }
func mapY(lat float64) float64 { return (mapNorth - min(max(lat, mapSouth), mapNorth)) * degree }

// world draws the sites, sized by their shares, and the places of the vantages with who serves them. A dashed line goes from where a nearer site
// announces to the site that serves.
func (d *catchmentDrawing) world(b *strings.Builder, rows []*Catchment) {
	width, height := mapX(180), mapY(mapSouth)
	fmt.Fprintf(b, `<figure><svg viewBox="0 0 %.0f %.0f" width="%.0f" role="img" aria-label="map of sites and vantages">`, width, height, width)
	graticule(b)
	for _, r := range rows {
		if n := d.number(r.Site); n >= 0 && n < len(d.Sites) && d.Sites[n].Placed {
			s := d.Sites[n]
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s" opacity=".35"/>`, mapX(s.Lon), mapY(s.Lat), siteRadius(r.Share), d.colour(n))
		}
	}
	places := d.places(rows)
	for _, city := range slices.Sorted(maps.Keys(places)) {
		places[city].lines(b, d)
	}
	for _, city := range slices.Sorted(maps.Keys(places)) {
		places[city].pie(b, d)
	}
	for _, r := range rows {
		if n := d.number(r.Site); n >= 0 && n < len(d.Sites) && d.Sites[n].Placed {
			s := d.Sites[n]
			fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="7" height="7" fill="%s" class="edge"/>`, mapX(s.Lon)-3.5, mapY(s.Lat)-3.5, d.colour(n))
			fmt.Fprintf(b, `<text class="name" x="%.1f" y="%.1f" text-anchor="middle">%s %s</text>`, mapX(s.Lon), mapY(s.Lat)-siteRadius(r.Share)-4, esc(s.Name), percent(r.Share))
		}
	}
	b.WriteString("</svg><figcaption>Squares are sites, and their circles go with their shares. Pies are places of collectors, by who serves the vantages there. " +
		"A dashed line goes to a site from where another one is nearer.</figcaption></figure>\n")
}

// siteRadius gives the circle whose area goes with the share.
func siteRadius(share float64) float64 { return 5 + 30*math.Sqrt(share) }

func graticule(b *strings.Builder) {
	for lon := -180; lon <= 180; lon += meshes {
		fmt.Fprintf(b, `<line class="net" x1="%.1f" y1="0" x2="%.1f" y2="%.1f"/>`, mapX(float64(lon)), mapX(float64(lon)), mapY(mapSouth))
	}
	for lat := int(mapSouth); lat < int(mapNorth); lat += meshes {
		y := mapY(float64(lat))
		fmt.Fprintf(b, `<line class="net" x1="0" y1="%.1f" x2="%.1f" y2="%.1f"/>`, y, mapX(180), y)
		if lat > int(mapSouth) {
			fmt.Fprintf(b, `<text class="text" x="4" y="%.1f">%s</text>`, y-3, latitude(lat))
		}
	}
}

func latitude(lat int) string {
	switch {
	case lat > 0:
		return fmt.Sprintf("%d° N", lat)
	case lat < 0:
		return fmt.Sprintf("%d° S", -lat)
	}
	return "equator"
}

// crowd are the vantages at one place, by the number of the site that serves them.
type crowd struct {
	station
	served map[int]int
	far    map[int]bool // sites from which some are served though another is nearer
}

func (d *catchmentDrawing) places(rows []*Catchment) map[string]*crowd {
	out := make(map[string]*crowd)
	for _, r := range rows {
		n := d.number(r.Site)
		for i := range r.Members {
			at, ok := collectorOf(r.Members[i].Vantage)
			if !ok {
				continue
			}
			c := out[at.city]
			if c == nil {
				c = &crowd{station: at, served: make(map[int]int), far: make(map[int]bool)}
				out[at.city] = c
			}
			c.served[n]++
			if r.Members[i].detour() > 0 {
				c.far[n] = true
			}
		}
	}
	return out
}

func (c *crowd) lines(b *strings.Builder, d *catchmentDrawing) {
	for _, n := range slices.Sorted(maps.Keys(c.far)) {
		s := d.Sites[n]
		fmt.Fprintf(b, `<line class="far" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, mapX(c.lon), mapY(c.lat), mapX(s.Lon), mapY(s.Lat))
	}
}

// pie draws a place: a slice for each site that serves some of its vantages.
func (c *crowd) pie(b *strings.Builder, d *catchmentDrawing) {
	all := 0
	for _, n := range c.served {
		all += n
	}
	x, y, r := mapX(c.lon), mapY(c.lat), min(3+1.2*math.Sqrt(float64(all)), 11)
	fmt.Fprintf(b, `<g><title>%s: %d vantages</title>`, esc(c.city), all)
	from := 0.0
	for _, n := range slices.Sorted(maps.Keys(c.served)) {
		share := float64(c.served[n]) / float64(all)
		if share == 1 {
			fmt.Fprintf(b, `<circle class="edge" cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`, x, y, r, d.colour(n))
			break
		}
		to, large := from+share*2*math.Pi, 0
		if share > 0.5 {
			large = 1
		}
		fmt.Fprintf(b, `<path class="edge" fill="%s" d="M%.2f %.2fL%.2f %.2fA%.2f %.2f 0 %d 1 %.2f %.2fZ"/>`, d.colour(n), x, y,
			x+r*math.Sin(from), y-r*math.Cos(from), r, r, large, x+r*math.Sin(to), y-r*math.Cos(to))
		from = to
	}
	b.WriteString("</g>")
}
