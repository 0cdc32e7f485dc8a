package iam

// ValidateTrustForTest lets tests try trust policies without a database.
var ValidateTrustForTest = validateTrust
