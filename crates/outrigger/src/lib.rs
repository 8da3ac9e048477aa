//! Composable tower layers for services that fail clearly.
