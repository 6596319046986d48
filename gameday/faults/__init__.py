"""What we break, one provider a file: ``fis``. ``catalogue`` what is known of FIS actions."""
