//! Endpoints, connections and pools, and what every error of theirs means.
