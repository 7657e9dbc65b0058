"""What runs in the tests' own pods; each file stands alone there, on nothing but the SDK."""
