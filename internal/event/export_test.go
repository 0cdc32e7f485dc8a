package event

// IsPermanent and RefuseLinkLocal are what tests look at from outside.
var (
	IsPermanent     = isPermanent
	RefuseLinkLocal = refuseLinkLocal
)
