"""What genpas offers, as functions: options (a frozen dataclass) in, a report (a frozen dataclass) out."""
