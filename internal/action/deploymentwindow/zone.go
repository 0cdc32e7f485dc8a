package deploymentwindow

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a machine without zone files must know the same zones
)

var offset = regexp.MustCompile(`^(?:UTC|GMT)([+-])(\d{1,2})(?::?(\d{2}))?$`)

// zone finds a time zone by the names that AWS takes: Region/City, UTC, UTC+HH:MM, or an abbreviation.
func zone(name string) (*time.Location, error) {
	name = strings.TrimSpace(name)
	if name == "" || name == "Z" {
		return time.UTC, nil
	}
	if m := offset.FindStringSubmatch(name); m != nil {
		return fixed(name, m[1], m[2], m[3])
	}
	if full, ok := abbreviations[name]; ok {
		name = full
	}
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // where the server stands is nobody's time zone
		return nil, fmt.Errorf("there is no zone %q; give Region/City (Europe/Berlin), UTC, UTC+09:00 or an abbreviation (PST)", name)
	}
	return location, nil
}

func fixed(name, sign, hours, minutes string) (*time.Location, error) {
	h, _ := strconv.Atoi(hours) // digits only
	m, _ := strconv.Atoi(minutes)
	if h > 18 || m > 59 || h == 18 && m > 0 {
		return nil, fmt.Errorf("%q is farther from UTC than any zone", name)
	}
	seconds := (h*60 + m) * 60
	if sign == "-" {
		seconds = -seconds
	}
	return time.FixedZone(name, seconds), nil
}

// abbreviations are Java's short zone ids, which people who come from AWS are used to, beside the abbreviations that the
// zone files have themselves.
var abbreviations = map[string]string{
	"ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AGT": "America/Argentina/Buenos_Aires", "ART": "Africa/Cairo",
	"AST": "America/Anchorage", "BET": "America/Sao_Paulo", "BST": "Asia/Dhaka", "CAT": "Africa/Harare",
	"CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai", "EAT": "Africa/Addis_Ababa",
	"ECT": "Europe/Paris", "IET": "America/Indiana/Indianapolis", "IST": "Asia/Kolkata", "JST": "Asia/Tokyo",
	"KST": "Asia/Seoul", "MIT": "Pacific/Apia", "NET": "Asia/Yerevan", "NST": "Pacific/Auckland", "PLT": "Asia/Karachi",
	"PNT": "America/Phoenix", "PRT": "America/Puerto_Rico", "PST": "America/Los_Angeles", "SST": "Pacific/Guadalcanal",
	"VST": "Asia/Ho_Chi_Minh",
}
