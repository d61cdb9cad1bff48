package slack

// Clip is clip, for its test.
var Clip = clip
