//! What pods printed: written with a size limit while they run, read by `tidegate logs`.
