"""What an application imports to send and receive frames."""
